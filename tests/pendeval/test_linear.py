"""What a straight line reads off an embedding: velocity, least squares narrow and wide, and the scores of them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import ellipj, ellipkinc, ellipkm1
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from pendeval.embeddings import Embeddings
from pendeval.measures import regression
from pendeval.measures.motion import velocity
from pendeval.measures.registry import WIDE
from pendeval.scored import merge
from pendeval.scoring import score, score_oracle

Float = NDArray[np.float64]
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("below", [0.9, 0.5, 1e-4, 1e-9, 1e-11, 1e-13])
def test_velocity_where_the_time_is_known_from_the_angle(below: float) -> None:
    """At sin(θ/2) = √m x, by the incomplete integral: ½θ̇² = 2m(1 − x²), upwards at ±u, downwards at 2K − u."""
    m = 1 - below
    x = np.concatenate([np.linspace(-0.999, 0.999, 41), [0.0]])
    passed, quarter = ellipkinc(np.arcsin(x), m), ellipkm1(1 - m)
    speed = 2 * np.sqrt(m * (1 - x**2))
    energy = np.full_like(x, m)
    for turns in (0, 1, 3):
        start = 4 * quarter * turns
        assert np.allclose(velocity(start + passed, energy), speed, atol=1e-9)
        assert np.allclose(velocity(start + 2 * quarter - passed, energy), -speed, atol=1e-9)
    assert np.allclose(velocity(-passed, energy), speed, atol=1e-9)


def test_velocity_at_the_top_is_none_however_late() -> None:
    """At m = 1 it is 2 / cosh t, which is nothing from t = 300 on, before and after."""
    time = np.array([-1e6, -400.0, -3.0, 0.0, 3.0, 400.0, 1e6])
    assert np.allclose(velocity(time, np.ones(7)), 2 / np.cosh(np.clip(time, -300, 300)), atol=1e-12)


def test_velocity_is_the_slope_of_the_angle_and_has_its_limits() -> None:
    time, energy = RNG.uniform(0, 50, 500), RNG.uniform(0, 0.999, 500)

    def angle(t: Float) -> Float:
        return np.asarray(2 * np.arcsin(np.sqrt(energy) * ellipj(t, energy)[0]))

    assert np.allclose(velocity(time, energy), (angle(time + 1e-5) - angle(time - 1e-5)) / 2e-5, atol=1e-6)
    assert np.array_equal(velocity(time, np.zeros(500)), np.zeros(500))
    late = np.array([0.0, 1.0, 20.0])
    assert np.allclose(velocity(late, np.ones(3)), 2 / np.cosh(late), atol=1e-12)
    assert velocity(np.zeros(1), np.full(1, 0.25)) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="time holds NaN"):
        velocity(np.array([np.nan]), np.array([0.5]))


def test_share_explained_against_scikit_learn_and_at_its_edges() -> None:
    truth = RNG.standard_normal((200, 3))
    guess = truth + [0.1, 1.0, 3.0] * RNG.standard_normal((200, 3))
    assert np.allclose(regression.explained(guess, truth), r2_score(truth, guess, multioutput="raw_values"), atol=1e-12)
    assert regression.explained(truth, truth).tolist() == [1, 1, 1]
    mean = np.broadcast_to(truth.mean(axis=0), truth.shape)
    assert regression.explained(mean, truth) == pytest.approx([0, 0, 0], abs=1e-12)
    assert np.isnan(regression.explained(guess, np.ones((200, 3)))).all()


@pytest.mark.parametrize("dim", [3, WIDE + 16])
@pytest.mark.parametrize("different", [50, 400])
def test_linear_of_several_targets_against_scikit_learn(dim: int, different: int) -> None:
    """Where images repeat, and where fewer are different than there are outputs (then the shortest weights win)."""
    rows = RNG.standard_normal((different, dim)).astype(np.float32).astype(np.float64)
    which, asked = RNG.integers(different, size=3000), RNG.integers(different, size=500)
    targets = np.column_stack([rows[which, 0] * 2 + RNG.standard_normal(3000), RNG.random(3000)])
    found = regression.linear(rows[which], targets, rows[asked])
    theirs = LinearRegression().fit(rows[which], targets).predict(rows[asked])
    assert np.allclose(found, theirs, atol=1e-6)
    assert np.allclose(regression.linear(rows[which], targets[:, 0], rows[asked]), found[:, 0], atol=1e-9)


def test_outputs_that_follow_from_others_up_to_rounding_decide_nothing() -> None:
    """Of an inner layer most do; read back in float32 they would be worth their rounding errors, a million-fold."""
    truth = RNG.standard_normal((3000, 3))
    mixed = (truth @ RNG.standard_normal((3, 2 * WIDE)) + 5).astype(np.float32).astype(np.float64)
    mixed[:, 0] = 7.0  # dead
    targets = truth @ [1.0, -2.0, 0.5] + 0.1 * RNG.standard_normal(3000)
    fit, held = mixed[:1500], mixed[1500:]
    expected = LinearRegression().fit(truth[:1500], targets[:1500]).predict(truth[1500:])
    assert np.abs(regression.linear(fit, targets[:1500], held) - expected).max() < 1e-3
    same = regression.linear(np.full((1500, 2 * WIDE), 7.0), targets[:1500], held)
    assert np.allclose(same, targets[:1500].mean())


@pytest.mark.parametrize("dim", [2, WIDE + 1])
def test_distinct_rows_and_near_ones(dim: int) -> None:
    rows = RNG.standard_normal((60, dim)).astype(np.float32).astype(np.float64)
    given = rows[RNG.integers(60, size=500)]
    given[0], given[1] = 0.0, -0.0
    found, which = regression.distinct(given)
    assert np.array_equal(found[which], given)
    assert len(found) == len({tuple(row) for row in given.tolist()})
    far, near = regression.nearest_rows(rows, given[2:9], 4)
    expected = cKDTree(rows).query(given[2:9], k=4)
    assert np.array_equal(near, expected[1])
    assert np.allclose(far, expected[0], atol=1e-6)


def embedded(outputs: Float, energy: Float, time: Float | None, angle: Float | None) -> Embeddings:
    stated = {"data_split": "test"}
    return Embeddings(
        Path("x.h5"), outputs, energy, energy[:, None] + 0 * outputs[..., 0], angle, None, stated, time=time
    )


def swing(pendulums: int = 60, images: int = 8) -> tuple[Float, Float, Float, Float]:
    """Energies, times, angles of both bobs, and velocities of the blue one."""
    energy, time = RNG.uniform(0.05, 0.95, pendulums), RNG.uniform(0, 200, (pendulums, images))
    each = np.repeat(energy[:, None], images, axis=1)
    sn, cn, _, _ = ellipj(time, each)
    blue = 2 * np.arcsin(np.sqrt(each) * sn)
    return energy, time, np.stack([blue, blue], axis=2), 2 * np.sqrt(each) * cn


def test_what_an_embedding_holds_is_read_off_it() -> None:
    energy, time, angle, speed = swing()
    known = np.stack(
        [np.repeat(energy[:, None], 8, axis=1), np.sin(angle[..., 0]), np.cos(angle[..., 0]), speed], axis=2
    )
    for dim in (4, WIDE + 6):
        mixed = (known @ RNG.standard_normal((4, dim))).astype(np.float32).astype(np.float64)
        e = embedded(mixed, energy, time, angle)
        (row,) = merge(score(e, score_oracle(e)), None)[0]
        for name in ("energy", "sin", "cos", "velocity"):
            assert row[f"linear_r2_{name}"] == pytest.approx(1, abs=1e-5)
        assert row["oracle_linear_r2_energy"] == pytest.approx(1)
        assert "oracle_linear_r2_sin" not in row
        _, held = regression.halves(np.repeat(np.arange(60), 8))
        spread = np.repeat(energy, 8)[held].var()
        assert row["linear_r2_energy"] == pytest.approx(1 - row["linear_rmse"] ** 2 / spread, abs=1e-9)
        assert ("vertical_r2" in row["missing"]) == (dim > WIDE)
        if dim > WIDE:
            assert "64 outputs or fewer" in row["missing"]["vertical_r2"]
            assert "100 trees, cheaper" in row["forests"]
            assert row["knn_rmse"] > 0


def test_the_energy_alone_says_nothing_of_the_phase() -> None:
    energy, time, angle, _ = swing(400)
    alone = np.repeat(energy[:, None, None], 8, axis=1)
    e = embedded(alone, energy, time, angle)
    (row,) = score(e, {}).views
    assert row["linear_r2_energy"] == pytest.approx(1)
    assert abs(row["linear_r2_sin"]) < 0.02
    assert abs(row["linear_r2_velocity"]) < 0.02
    (bare,) = merge(score(embedded(alone, energy, None, None), {}), None)[0]
    assert bare["linear_r2_energy"] == pytest.approx(1)
    assert bare["missing"]["linear_r2_sin"].startswith("angles in the file")
    assert bare["missing"]["linear_r2_velocity"].startswith("times in the file")


def test_noise_makes_every_image_of_a_layer_another() -> None:
    """Then neighbours are not looked for among tens of thousands of wide rows, and the table says why."""
    energy, time, angle, _ = swing(pendulums=1060)
    wide = RNG.standard_normal((1060, 8, WIDE + 1)) + energy[:, None, None]
    e = embedded(wide.astype(np.float32).astype(np.float64), energy, time, angle)
    (row,) = merge(score(e, {}), None)[0]
    assert "few different images" in row["missing"]["knn_rmse"]
    assert row["forest_rmse"] > 0
    assert 0.5 < row["linear_r2_energy"] < 1
