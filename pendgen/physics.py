"""The rigid pendulum in closed form: the angle θ at time t for energy m.

Units and conventions
    Natural frequency 1, angle in radians, θ = 0 at the bottom and θ(0) = 0, moving towards +θ.
    Energy m is scaled so that 0 is rest and 1 just reaches the top: ½θ̇² − cos θ + 1 = 2m. It is the
    *parameter* of the elliptic functions (m = k²), not the modulus k.

Source
    θ(t) = 2·arcsin(√m · sn(t | m)); DLMF §22.19(i), https://dlmf.nist.gov/22.19.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ellipj, ellipk, ellipkinc, ellipkm1

from pendgen.elementary import arcsin, arctan2

# scipy's ellipj switches at m ≥ 1 − 1e-10 to a series that holds only for |t| well below the
# quarter period K; past it the returned angle is wrong by up to π. Those energies go through
# `_near_separatrix`, which brings t below K/2 first.
_SERIES_FROM = 1.0 - 1.1e-10


def angle(time: ArrayLike, energy: ArrayLike) -> NDArray[np.float64]:
    """Angle of the pendulum, radians in [−π, π].

    `time` (any finite real, natural units) and `energy` (in [0, 1]) broadcast against each other;
    the result has their joint shape, float64. Raises ValueError for energies outside [0, 1].
    """
    t, m = np.asarray(time, np.float64), np.asarray(energy, np.float64)
    inside = (m >= 0.0) & (m <= 1.0)
    if not inside.all():
        raise ValueError(f"energy must lie in [0, 1], found {m[~inside][0]}")
    # At m = 1 the pendulum has come to the top long before t = 300, and ellipj is NaN from 355 on.
    sn, _, dn, _ = ellipj(np.where(m == 1.0, np.clip(t, -300.0, 300.0), t), m)
    # cos(θ/2) = dn, so the two-argument arctangent stays exact where arcsin is ill-conditioned.
    theta = 2.0 * arctan2(np.sqrt(m) * sn, dn)
    slow = (m > _SERIES_FROM) & (m < 1.0)
    if np.any(slow):
        theta = np.where(slow, _near_separatrix(t, np.where(slow, m, 0.5)), theta)
    return np.asarray(theta, np.float64)


def period(energy: ArrayLike) -> NDArray[np.float64]:
    """Period 4K(m) of the swing in natural units; infinite at m = 1. Shape of `energy`, float64."""
    return np.asarray(4.0 * ellipk(np.asarray(energy, np.float64)), np.float64)


def passing(angle: ArrayLike, energy: ArrayLike) -> NDArray[np.float64]:
    """When the pendulum passes `angle` on its way towards +θ: the time in [−K, K], natural units.

    The inverse of `angle` on the upward half of the swing: F(arcsin(sin(θ/2)/√m) | m), DLMF §22.15(ii).
    On its way back it passes at 2K less that time. An angle that is never reached gives the turning
    point, −K or K. `angle` (radians in [−π, π]) and `energy` (above 0, below 1) broadcast against each
    other; float64. Raises ValueError for other energies.
    """
    theta, m = np.asarray(angle, np.float64), np.asarray(energy, np.float64)
    inside = (m > 0.0) & (m < 1.0)
    if not inside.all():
        raise ValueError(f"energy must lie above 0 and below 1, found {m[~inside][0]}")
    sn = np.clip(np.sin(theta / 2.0) / np.sqrt(m), -1.0, 1.0)
    return np.asarray(ellipkinc(arcsin(sn), m), np.float64)


def _near_separatrix(t: NDArray[np.float64], m: NDArray[np.float64]) -> NDArray[np.float64]:
    """θ for 1 − 1e-10 < m < 1, by reducing t to a quarter period (DLMF §22.4)."""
    m1 = 1.0 - m
    quarter = ellipkm1(m1)
    u = np.remainder(t + quarter, 4.0 * quarter) - quarter  # [−K, 3K)
    u = np.where(u > quarter, 2.0 * quarter - u, u)  # sn(2K − u) = sn(u), now [−K, K]
    near = np.abs(u) <= quarter / 2.0
    sn, _, dn, _ = ellipj(np.where(near, u, 0.0), m)
    _, cn, _, _ = ellipj(np.where(near, 0.0, quarter - np.abs(u)), m)
    # sn(u)/dn(u) = cn(K−u)/√(1−m): tan(θ/2) without either small factor.
    # Both are tangents of θ/2 as a fraction, of which only one is ever needed.
    up, down = np.where(near, np.sqrt(m) * sn, np.sqrt(m) * cn), np.where(near, dn, np.sqrt(m1))
    half = arctan2(up, down)
    return np.asarray(2.0 * np.where(near, half, np.copysign(half, u)), np.float64)
