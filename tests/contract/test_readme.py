"""What README says of the project is what the project says of itself."""

import re
import tomllib
from pathlib import Path

import pendeval
import pendgen
import pendtrain
from pendgen.card import PAPER

README = Path(__file__).parents[2] / "README.md"


def test_what_is_cited_is_the_paper_of_the_cards_and_the_version_at_hand() -> None:
    paper, lab = re.findall(r"```bibtex\n(.*?)\n```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert paper == PAPER
    project = tomllib.loads(README.with_name("pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"version = {{{project['version']}}}\n" in lab
    assert {each.__version__ for each in (pendgen, pendtrain, pendeval)} == {project["version"]}
