"""How fast the pendulum swings: the angular velocity that belongs to a time and an energy.

Units and conventions as the datasets have them: natural frequency 1, θ = 0 at the bottom where time begins, moving
towards +θ; energy m in [0, 1], where 1 just reaches the top: ½θ̇² − cos θ + 1 = 2m.

Source: θ = 2 arcsin(√m sn(t | m)), so that θ̇ = 2√m cn(t | m); DLMF §22.13(i) and §22.19(i).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ellipj, ellipkm1

from pendeval.measures.valid import require

Float = NDArray[np.float64]
_SERIES_FROM = 1.0 - 1.1e-10
"""From here on scipy's ellipj takes a series that holds only well before the quarter period."""


def velocity(time: Float, energy: Float) -> Float:
    """θ̇ of pendulums of `energy` (n,) in [0, 1] at `time` (n,): float64 (n,), in [−2√m, 2√m]."""
    require(time=time, energy=energy)
    slow = (energy > _SERIES_FROM) & (energy < 1.0)
    # At m = 1 the pendulum has come to the top long before t = 300, and ellipj is NaN from 355 on.
    cn = ellipj(np.where(energy == 1.0, np.clip(time, -300.0, 300.0), time), energy)[1]
    cn[slow] = _slow(time[slow], energy[slow])
    return np.asarray(2.0 * np.sqrt(energy) * cn)


def _slow(time: Float, energy: Float) -> Float:
    """The function cn near the separatrix, by bringing the time below half the quarter period K (DLMF §22.4(iii))."""
    rest = 1.0 - energy
    quarter = ellipkm1(rest)
    turned = np.remainder(time + quarter, 4.0 * quarter) - quarter  # [−K, 3K)
    back = turned > quarter  # cn(2K − u) = −cn(u)
    left = np.abs(np.where(back, 2.0 * quarter - turned, turned))  # [0, K], cn is even
    near = left <= quarter / 2.0
    _, cn, _, _ = ellipj(np.where(near, left, 0.0), energy)
    sn, _, dn, _ = ellipj(np.where(near, 0.0, quarter - left), energy)  # cn(K − u) = √(1 − m) sn(u)/dn(u)
    return np.asarray(np.where(back, -1.0, 1.0) * np.where(near, cn, np.sqrt(rest) * sn / dn))
