import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pendgen.physics import angle, passing, period


def exact(t: float, m: float) -> float:
    """θ(t, m) from arbitrary-precision elliptic functions."""
    with mpmath.workdps(50):
        sn, dn = (mpmath.ellipfun(kind, mpmath.mpf(t), m=mpmath.mpf(m)) for kind in ("sn", "dn"))
        return float(2 * mpmath.atan2(mpmath.sqrt(mpmath.mpf(m)) * sn, dn))


@pytest.mark.parametrize("m", [0.0, 1e-12, 0.01, 0.3, 0.77, 0.95, 0.999, 1 - 1e-6])
def test_agrees_with_arbitrary_precision(m: float) -> None:
    for t in np.random.default_rng(1).uniform(0, 200, 12):
        assert angle(t, m) == pytest.approx(exact(t, m), abs=1e-9)


@pytest.mark.parametrize("m", [1 - 1.05e-10, 1 - 1e-10, 1 - 1e-11, 1 - 1e-13, 1 - 2**-53, 1.0])
def test_agrees_at_the_separatrix_where_scipy_alone_is_wrong(m: float) -> None:
    for t in [0.0, 1e-9, 5.0, 12.0, *np.random.default_rng(2).uniform(0, 200, 12)]:
        assert angle(t, m) == pytest.approx(exact(t, m), abs=1e-9)


@pytest.mark.parametrize("m", [0.01, 0.5, 0.9, 0.999])
def test_solves_the_equation_of_motion(m: float) -> None:
    t = np.linspace(0, 200, 2001)
    start = [0.0, 2 * np.sqrt(m)]  # ½θ̇² = 2m at the bottom
    ode = solve_ivp(lambda _, y: [y[1], -np.sin(y[0])], (0, 200), start, "DOP853", t, rtol=1e-13, atol=1e-14)
    assert np.abs(angle(t, m) - ode.y[0]).max() < 1e-6


def test_conserves_energy() -> None:
    rng = np.random.default_rng(3)
    t, m, h = rng.uniform(0, 200, 1000), rng.uniform(0, 1, 1000), 1e-4
    theta = angle(t, m)
    # Five-point derivative of the unwrapped angle; a swing never crosses ±π, so no unwrapping is needed.
    speed = (8 * (angle(t + h, m) - angle(t - h, m)) - angle(t + 2 * h, m) + angle(t - 2 * h, m)) / (12 * h)
    assert np.allclose(0.5 * speed**2 - np.cos(theta) + 1, 2 * m, atol=1e-8)


def test_symmetries() -> None:
    rng = np.random.default_rng(4)
    t, m = rng.uniform(0, 200, 500), rng.uniform(0, 0.999, 500)
    assert np.allclose(angle(-t, m), -angle(t, m), atol=1e-12)
    assert np.allclose(angle(t + period(m), m), angle(t, m), atol=1e-9)
    assert np.allclose(angle(t + period(m) / 2, m), -angle(t, m), atol=1e-9)
    assert np.allclose(np.abs(angle(period(m) / 4, m)), 2 * np.arcsin(np.sqrt(m)), atol=1e-9)


def test_edges() -> None:
    assert np.all(angle([0.0, 7.0], 0.0) == 0.0)
    assert angle(200.0, 1.0) == pytest.approx(np.pi)
    assert angle(np.zeros((3, 1)), np.full(4, 0.5)).shape == (3, 4)
    small = 1e-6
    assert angle(1.0, small) == pytest.approx(2 * np.sqrt(small) * np.sin(1.0), rel=1e-5)


@pytest.mark.parametrize("m", [-0.1, 1.0001, np.nan, np.inf])
def test_refuses_energies_outside(m: float) -> None:
    with pytest.raises(ValueError, match=r"energy must lie in \[0, 1\]"):
        angle(1.0, m)


def test_passing_is_when_the_angle_is_reached() -> None:
    for m in (1e-9, 0.01, 0.5, 0.99, 1 - 1e-5, 1 - 1e-9):
        turning = 2 * np.arcsin(np.sqrt(m))
        theta = np.linspace(-turning, turning, 41)[1:-1]
        t = passing(theta, m)
        assert np.allclose(angle(t, m), theta, rtol=0, atol=1e-12)
        assert np.allclose(angle(period(m) / 2 - t, m), theta, rtol=0, atol=1e-12)
        assert (np.diff(t) > 0).all()
    assert passing([-3.0, 3.0], 0.5) == pytest.approx([-period(0.5) / 4, period(0.5) / 4])
    for m in (0.0, 1.0, -0.1, np.nan):
        with pytest.raises(ValueError, match="energy must lie above 0 and below 1, found"):
            passing(0.0, m)
