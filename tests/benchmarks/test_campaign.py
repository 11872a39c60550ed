"""The campaign's plan can be carried out, and what is kept is not computed again."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import campaign
from pendeval.scores import read_scores

ROOT = Path(__file__).parents[2]
TINY = """
[[part]]
name = "tiny"
question = "Does it run?"
decided = "Once."
data = [{ variant = "cropping", alpha_c = 0.75, pendulums = 8 }]
replicates = 2
recipe = "paper"
settings = { encoder = "optimum" }
vary = [{ method = "supervised" }]
precision = "fp32"
"""
Outcome = tuple[int, str, str]


def test_every_run_of_the_plan_is_possible_and_has_a_place_of_its_own() -> None:
    parts = campaign.read_plan(ROOT / campaign.PLAN)
    every = {run for part in parts for run in part.runs()}
    assert len({(run.precision, run.place) for run in every}) == len(every) > 300
    assert len({part.name for part in parts}) == len(parts)
    assert all(part.question.endswith("?") and part.decided for part in parts)


def test_fewer_pendulums_get_more_epochs_where_steps_are_to_be_equal() -> None:
    (part,) = [part for part in campaign.read_plan(ROOT / campaign.PLAN) if part.same_steps_as]
    steps = {run.recipe.epochs * (run.dataset.pendulums // run.recipe.batch) for run in part.runs()}
    assert max(steps) <= 1.01 * 7 * 5120 // 64
    assert min(steps) >= 0.75 * 7 * 5120 // 64  # of 160 pendulums the last half batch is dropped


def test_a_run_is_computed_kept_and_found(
    tmp_path: Path, command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plan.toml").write_text(TINY)
    (part,) = campaign.read_plan(tmp_path / "plan.toml")
    first, second = part.runs()
    said = []

    def here(self: campaign.Campaign, package: str, *options: object) -> str:
        code, out, error = command(package, *options)
        said.append((code, out, error))
        learnt_nothing = options[0] == "fit"  # which is told by exit code 1 of a run that is complete
        return "" if code == 0 and not learnt_nothing else f"exit code {code or 1}"

    monkeypatch.setattr(campaign.Campaign, "_command", here)
    work = campaign.Campaign(tmp_path / "work", tmp_path / "kept", 1)
    assert not first.kept(tmp_path / "kept")
    assert work._one(first) == "", said
    assert first.kept(tmp_path / "kept")
    assert not second.kept(tmp_path / "kept")
    assert [path.name for path in (tmp_path / "work" / "runs").iterdir()] == []
    assert next(campaign.listed([part], tmp_path / "kept")).split()[1:4] == ["1", "of", "2"]

    (tmp_path / "more.toml").write_text(
        f"{TINY}also = [{{ variant = 'vanilla', pendulums = 6 }}, {{ split = 'train' }}]"
    )
    (more,) = campaign.read_plan(tmp_path / "more.toml")
    again = next(more.runs())
    assert again == first
    assert campaign.missing_of([part], tmp_path / "kept") == [second]
    wanted = campaign.missing_of([part, more], tmp_path / "kept")
    assert (wanted, [run.also for run in wanted]) == ([first, second], [each.also for each in more.runs()])
    (kept,) = (tmp_path / "kept").rglob("*.json.gz")
    kept.write_bytes(b"of another training")
    monkeypatch.setattr(campaign, "DRAWN", 0)
    monkeypatch.setattr(campaign, "IMAGES", 3)
    assert work._one(again) == "", said
    assert again.kept(tmp_path / "kept")
    names = ["cropping-0.75-of-8-test", "cropping-0.75-of-8-train", "vanilla-of-6-test"]
    made = sorted(kept.parent.iterdir())
    assert [path.name.split(".s")[0] for path in made] == names
    held = [read_scores(path) for path in made]
    assert len({str(each.provenance["began"]) for each in held}) == 1
    assert [len(each.sample.energy) for each in held if each.sample is not None] == [3, 3, 3]

    work.stop()
    assert work.compute([second]) == []
    assert not second.kept(tmp_path / "kept")


def test_what_was_trained_stays_where_a_campaign_is_stopped(tmp_path: Path) -> None:
    """With real processes: one asked to stop looks like one that ended well, for it saved what it had."""
    (tmp_path / "plan.toml").write_text(TINY.replace('encoder = "optimum"', "epochs = 500, batch = 4"))
    where = {"--plan": "plan.toml", "--kept": "kept", "--folder": "work", "--lanes": "1"}
    words = [sys.executable, campaign.__file__, *(word for each in where.items() for word in each)]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        ends = time.monotonic() + 120
        while not [*tmp_path.glob("work/runs/*/*/*/*/metrics.csv")]:
            assert process.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.2)
        process.terminate()
        out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "the same command goes on from there" in error
    assert len([*tmp_path.glob("work/runs/*/*/*/*/checkpoint.pt")]) == 1
    assert not (tmp_path / "kept").exists()


def test_a_plan_that_is_none_is_refused(tmp_path: Path) -> None:
    for text, said in [
        ("[[part", "is no plan"),
        ("[[part]]\nname = 'x'", "missing 6 required"),
        (TINY.replace("fp32", "half"), "tiny: precision is 'half', expected fp32 or auto"),
        (TINY.replace("0.75", "1.75"), "alpha_c is 1.75"),
        (TINY.replace("pendulums = 8", "images = 5"), "data sets images, expected variant"),
        (TINY.replace("alpha_c = 0.75", "gap = [[0.3, 0.7]]"), "data sets gap, expected variant"),
    ]:
        (tmp_path / "plan.toml").write_text(text)
        with pytest.raises(ValueError, match=said):
            [list(part.runs()) for part in campaign.read_plan(tmp_path / "plan.toml")]
