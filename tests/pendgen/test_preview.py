from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pendgen.build import build
from pendgen.dataset import Dataset
from pendgen.preview import contact_sheet, swing, variants_sheet
from pendgen.variants import Cropping, GraphicalNoise, Large, Vanilla

Outcome = tuple[int, str, str]


def colours(picture: Image.Image) -> set[object]:
    return {colour for _, colour in picture.getcolors(10**6) or []}


def test_contact_sheet_shows_pictures_of_the_dataset(small: Path) -> None:
    sheet = contact_sheet(small, rows=3, columns=4)
    assert {(0, 0, 255), (255, 0, 0)} <= colours(sheet)
    assert contact_sheet(small, rows=100, columns=100).height > sheet.height


def test_sheet_of_several_variants(small: Path, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    made = [small]
    for variant in (Large(), GraphicalNoise(0.25), Cropping(0.75)):
        made.append(build(Dataset(variant, pendulums=40, images=6), tmp_path, quiet=True)[0])
    assert variants_sheet(made).height > contact_sheet(small, rows=3).height
    code, out, _ = command("pendgen", "preview", *made, "--out", tmp_path / "sheet.png")
    assert (code, out) == (0, f"wrote {tmp_path / 'sheet.png'}\n")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"


def test_gif_swings_through_one_period(small: Path, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    frames = swing(small, energy=0.5, frames=12)
    assert len(frames) == 12
    # Half a period later the picture is mirrored about the pivot's column, 16.
    first, later = (np.asarray(frames[k].resize((32, 32), Image.Resampling.NEAREST))[:, 1:] for k in (2, 8))
    assert np.array_equal(first, later[:, ::-1])
    assert command("pendgen", "preview", small, "--gif", "--out", tmp_path / "swing.gif")[0] == 0
    with Image.open(tmp_path / "swing.gif") as gif:
        assert (gif.format, gif.n_frames) == ("GIF", 48)


def test_bad_input(small: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "energy is 1.0, expected 0 to below 1" in refused("pendgen", "preview", small, "--gif", "--energy", "1")
    assert "--gif shows one dataset, 2 were given" in refused("pendgen", "preview", small, small, "--gif")
    assert "/nowhere/x.png" in refused("pendgen", "preview", small, "--out", "/nowhere/x.png")


@pytest.mark.parametrize("antialias", [False, True])
def test_noisy_and_cropped_swings(antialias: bool, tmp_path: Path) -> None:
    for variant in (GraphicalNoise(0.2), Cropping(0.5), Vanilla()):
        made = Dataset(variant, pendulums=4, images=2, antialias=antialias)
        directory, _ = build(made, tmp_path / str(antialias), quiet=True)
        assert len(swing(directory, 0.9, 5)) == 5
