"""The whole state of a training run, to disk and back, atomically and without unpickling code.

`checkpoint.pt` is a `torch.save` archive of tensors, numbers and text alone, read with
`weights_only=True`: a hostile pickle is refused, not run. It holds everything the next step depends
on: weights and BatchNorm statistics of encoder and objective, optimiser, position, torch's generator, and what it
belongs to. Version 1 held the `encoder` alone, since no objective had a body.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pendtrain.recipe import Recipe
from pendtrain.runs import write_whole
from pendtrain.seeding import GENERATOR

VERSION = 2


def save(
    path: Path, learner: nn.Module, optimiser: torch.optim.Optimizer, step: int, identity: Mapping[str, Any]
) -> None:
    """Write the state after `step` steps of the run that `identity` (recipe and dataset digest) names."""
    with GENERATOR:
        generator = torch.get_rng_state()
    state = {
        "version": VERSION,
        "step": step,
        "identity": dict(identity),
        "learner": learner.state_dict(),
        "optimiser": optimiser.state_dict(),
        "generator": generator,
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_whole(path, buffer.getbuffer())


def restore(path: Path, learner: nn.Module, optimiser: torch.optim.Optimizer, identity: Mapping[str, Any]) -> int:
    """Load the state at `path` into learner and optimiser; returns the step, 0 where there is no checkpoint.

    Raises ValueError where the file is damaged, hostile, of another version or of other settings.
    """
    if not path.is_file():
        return 0
    try:
        _check_archive(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
        found, step, its_own = state["version"], int(state["step"]), dict(state["identity"])
    except Exception as problem:  # torch raises whatever the damaged bytes lead it to
        raise ValueError(f"checkpoint {path} cannot be read: {_line(problem)}; delete it to begin anew") from None
    if found not in (1, VERSION):
        raise ValueError(f"checkpoint {path} is of version {found}, expected 1 or {VERSION}; delete it to begin anew")
    if _filled(path, its_own) != dict(identity):
        raise ValueError(f"checkpoint {path} is of other settings or data; delete it, or choose another --out")
    try:
        if found == 1:
            state["learner"] = {f"encoder.{name}": value for name, value in state["encoder"].items()}
        learner.load_state_dict(state["learner"])
        optimiser.load_state_dict(state["optimiser"])
        with GENERATOR:
            torch.set_rng_state(state["generator"])
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as problem:
        raise ValueError(f"checkpoint {path} does not fit: {_line(problem)}; delete it to begin anew") from None
    return step


def _check_archive(path: Path) -> None:
    """Raise ValueError where a member is not what its checksum says, which torch does not look at, or a bomb."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        stored = all(each.compress_type == zipfile.ZIP_STORED for each in members)
        if not stored or sum(each.file_size for each in members) > path.stat().st_size:
            raise ValueError("it is packed, expected members as torch stores them")
        if damaged := archive.testzip():
            raise ValueError(f"its member {damaged} is damaged")


def _line(problem: Exception) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0]


def _filled(path: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """The identity as the current version would have written it."""
    settings = {key: value for key, value in identity.items() if key != "digest"}
    try:
        return {**Recipe.read(settings).settings, "digest": identity["digest"]}
    except (ValueError, KeyError) as problem:
        raise ValueError(f"checkpoint {path}: {problem}; delete it to begin anew") from None
