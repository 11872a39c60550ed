"""What --help shows: readable in any terminal, and every command line in it, and in README, is one."""

import glob
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from pendgen.build import build
from pendgen.dataset import Dataset
from pendgen.variants import Cropping, Large, Vanilla

Outcome = tuple[int, str, str]
ROOT = Path(__file__).parents[2]
PACKAGES = ("pendgen", "pendtrain", "pendeval")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def group_of(package: str) -> click.Group:
    return import_module(f"{package}.cli").cli


def pages() -> list[tuple[str, ...]]:
    """Every help page: the words of its command."""
    return [
        (package, *name) for package in PACKAGES for name in [(), *((each,) for each in group_of(package).commands)]
    ]


def examples() -> list[str]:
    """Every example of every help page, once."""
    groups = [group_of(package) for package in PACKAGES]
    return list(
        dict.fromkeys(line for each in groups for one in (each, *each.commands.values()) for line, _ in one.examples)
    )


def of_readme() -> list[str]:
    """Every command line that README shows in a block of its own, comments taken off."""
    found = re.findall(rf"^    (?:\w.*-m )?((?:{'|'.join(PACKAGES)}) .*)$", README, re.MULTILINE)
    return [re.sub(r"(?<= )#.*|> .*", "", line).strip() for line in found if not re.match(r"\w+/", line)]


def parse(line: str) -> None:
    """Parse a command line as its program would; raises click's UsageError where it would be refused."""
    words = shlex.split(line)
    start = next(place for place, word in enumerate(words) if word in PACKAGES)
    group = group_of(words[start])
    name, command, rest = group.resolve_command(click.Context(group), words[start + 1 :])
    assert command is not None
    command.make_context(name, rest)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("words", pages(), ids=" ".join)
def test_a_page_fits_its_terminal(
    words: tuple[str, ...], columns: int, command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In letters that every terminal has, without a control sequence, no line cut off or too long."""
    monkeypatch.setenv("COLUMNS", str(columns))
    code, page, error = command(*words, "--help")
    assert (code, error) == (0, "")
    assert page.isascii()
    assert all(line.isprintable() for line in page.splitlines())
    assert r"\b" not in page
    assert max(map(len, page.splitlines())) <= columns
    commands = page.partition("\nCommands:\n")[2]
    assert "...\n" not in commands, "a summary is cut off"


@pytest.mark.parametrize("words", pages(), ids=" ".join)
def test_a_command_has_a_summary_and_examples(words: tuple[str, ...]) -> None:
    group = group_of(words[0])
    command = group.commands[words[1]] if len(words) > 1 else group
    first, *rest = (command.help or "").splitlines()
    assert re.fullmatch(r"[A-Z][^.]*(\.html)?[^.]*\.", first), first
    assert not (rest and rest[0]), "the summary is a paragraph of its own"
    assert command.examples
    assert any(" ".join(words) in line for line, _ in command.examples)


@pytest.mark.parametrize("package", PACKAGES)
def test_options_of_large_commands_stand_under_headings(package: str) -> None:
    for name, command in group_of(package).commands.items():
        options = [each for each in command.params if isinstance(each, click.Option)]
        if len(options) > 8:
            assert all(getattr(each, "heading", "Options") != "Options" for each in options), name


@pytest.mark.parametrize("line", [*examples(), *of_readme()])
def test_a_command_line_parses(line: str) -> None:
    parse(line)


def test_readme_and_help_have_command_lines() -> None:
    assert len(of_readme()) > 30
    assert len(examples()) > 30


@pytest.fixture(scope="module")
def laboratory(small: Path, small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the data and runs that the examples speak of, small ones, as the working directory."""
    place = tmp_path_factory.mktemp("laboratory")
    shutil.copytree(small, place / "data" / "vanilla" / small.name)
    for other in (
        Dataset(Cropping(0.75), pendulums=8, images=2),
        Dataset(Large(), size=40, pendulums=8, images=2),
        Dataset(Vanilla(), seed=1, pendulums=40, images=6),
    ):
        build(other, place / "data", workers=1, quiet=True)
    for folder in ("pictures", "results/campaign"):  # which the repository has there too
        (place / "data" / folder).mkdir(parents=True)
    run = place / "runs" / "vanilla" / "contrastive-d1" / "seed-0"
    shutil.copytree(small_run, run)
    shutil.copy(run / "embeddings" / "vanilla-test.h5", place)
    before = Path.cwd()
    os.chdir(place)
    yield place
    os.chdir(before)


@pytest.mark.parametrize("line", sorted(examples(), key=lambda line: "scores/ runs/" in line))
def test_an_example_works(line: str, laboratory: Path, command: Callable[..., Outcome]) -> None:
    """As it stands, on small data; what would build or train is planned only."""
    words = shlex.split(line.partition("-m ")[2] or line)  # torchrun stands before -m
    package, name, *rest = words
    rest = [found for word in rest for found in (sorted(glob.glob(word)) if "*" in word else [word])]
    rest += {
        "build": ["--dry-run", "--out", "planned"],
        "sweep": ["--dry-run"],
        "fit": ["--print-recipe"],
        "report": ["--csv-only"],
    }.get(name, [])
    rest += ["--jobs", "1"] * (package == "pendeval" and name != "score")
    assert command(package, name, *rest)[0] == 0
    if name == "convert":
        shutil.rmtree(laboratory / "data" / "vanilla-webdataset")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("pendgen biuld", "build"),
        ("pendgen build --varient large", "--variant"),
        ("pendgen build --variant croping", "cropping"),
        ("pendgen build --suite gap", "gaps"),
        ("pendgen convert data/vanilla --format webdatset", "webdataset"),
        ("pendgen info data/vanila", "data/vanilla"),
        ("pendgen preview dat/vanilla", "data/vanilla"),
        ("pendtrain fit --shards data/vanila", "data/vanilla"),
        ("pendtrain fit --shards data/vanilla --method contrastiv", "contrastive"),
        ("pendtrain fit --shards data/vanilla --set temprature=1", "temperature"),
        ("pendtrain fit --shards data/vanilla --recipe fats", "fast"),
        ("pendtrain fit --shards data/vanilla --optimiser adam", "adamw"),
        ("pendtrain embed runs/vanila/contrastive-d1/seed-0", "runs/vanilla/contrastive-d1/seed-0"),
        ("pendtrain show runs/vanilla/contrastive/seed-0", "runs/vanilla/contrastive-d1/seed-0"),
        ("pendtrain list rums", "runs"),
        ("pendeval report rums", "runs"),
        ("pendeval report runs --only vanila", "vanilla"),
        ("pendeval score vanila-test.h5", "vanilla-test.h5"),
    ],
)
def test_a_slip_is_answered_with_the_nearest(
    typed: str, meant: str, laboratory: Path, refused: Callable[..., str]
) -> None:
    said = refused(*typed.split())
    assert re.search(rf"Did you mean .*'{re.escape(meant)}'", said), said


def test_what_is_like_nothing_gets_no_guess(laboratory: Path, refused: Callable[..., str]) -> None:
    assert "Did you mean" not in refused("pendgen", "info", "elsewhere/entirely")
    assert "Did you mean" not in refused("pendtrain", "show", "data")  # it is there, and no run
    assert "Did you mean" not in refused("pendgen", "build", "--variant", "zzz")


@pytest.mark.parametrize("package", PACKAGES)
def test_the_shell_completes(package: str, command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = re.findall(r"eval \".*", command(package, "--help")[1])
    variable = f"_{package.upper()}_COMPLETE"
    assert line == f'eval "$({variable}=bash_source {package})"'
    first = sorted(group_of(package).commands)[0]
    for name, value in {variable: "bash_complete", "COMP_WORDS": f"{package} {first[:2]}", "COMP_CWORD": "1"}.items():
        monkeypatch.setenv(name, value)
    assert command(package)[:2] == (0, f"plain,{first}\n")


@pytest.mark.parametrize("name", ["console.py", "nearest.py"])
def test_copies_are_the_same(name: str) -> None:
    texts = {
        (ROOT / package / name).read_text(encoding="utf-8").replace(f"from {package}.", "") for package in PACKAGES
    }
    assert len(texts) == 1


def test_command_lines_are_short_files() -> None:
    for package in PACKAGES:
        assert len((ROOT / package / "cli.py").read_text(encoding="utf-8").splitlines()) <= 300
