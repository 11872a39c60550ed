"""Each stage is imported whole in a process of its own, to see what it pulls in."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded_by(code: str, *arguments: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("package", ["pendgen", "pendeval"])
def test_torch_stays_out(package: str) -> None:
    names = loaded_by(IMPORT_ALL, package)
    assert package in names
    assert not names & {"torch", "torchvision"}


def test_torchvision_waits_for_a_network() -> None:
    """Importing it takes longer than importing torch, and a run that is complete builds none."""
    assert "torchvision" not in loaded_by("import sys, pendtrain.fit; print(*sys.modules)")


@pytest.mark.parametrize("package", ["pendgen", "pendtrain", "pendeval"])
def test_no_stage_imports_another(package: str) -> None:
    assert not loaded_by(IMPORT_ALL, package) & ({"pendgen", "pendtrain", "pendeval"} - {package})


@pytest.mark.parametrize("package", ["pendgen", "pendtrain", "pendeval"])
def test_help_imports_nothing_heavy(package: str) -> None:
    code = f"import sys, {package}.cli; print(*{{name.partition('.')[0] for name in sys.modules}})"
    assert not loaded_by(code) & {"torch", "numpy", "scipy", "sklearn", "h5py", "pandas", "matplotlib", "PIL", "jinja2"}


@pytest.mark.parametrize("package", ["pendgen", "pendtrain", "pendeval"])
def test_every_command_has_help_and_is_in_the_readme(package: str) -> None:
    import importlib

    group = importlib.import_module(f"{package}.cli").cli
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, command in group.commands.items():
        assert command.help, name
        assert f"{package} {name}" in readme
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.help, (name, parameter.name)


@pytest.mark.parametrize("package", ["pendgen", "pendtrain", "pendeval"])
def test_a_package_imports_nothing_before_it_is_asked_for(package: str) -> None:
    code = f"import sys, {package}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    bare = loaded_by("import sys, typing; print(*{name.partition('.')[0] for name in sys.modules})")
    assert loaded_by(code) - bare == {package}
