"""The whole state of a training run, to disk and back, atomically and without unpickling code.

`checkpoint.pt` is a `torch.save` archive of tensors, numbers and text alone, read with
`weights_only=True`: a hostile pickle is refused, not run. It holds everything the next step depends
on: weights and BatchNorm statistics, optimiser, position, torch's generator, and what it belongs to.
"""

import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pendtrain.recipe import Recipe
from pendtrain.runs import write_whole

VERSION = 1


def save(
    path: Path, encoder: nn.Module, optimiser: torch.optim.Optimizer, step: int, identity: Mapping[str, Any]
) -> None:
    """Write the state after `step` steps of the run that `identity` (recipe and dataset digest) names."""
    state = {
        "version": VERSION,
        "step": step,
        "identity": dict(identity),
        "encoder": encoder.state_dict(),
        "optimiser": optimiser.state_dict(),
        "generator": torch.get_rng_state(),
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_whole(path, buffer.getbuffer())


def restore(path: Path, encoder: nn.Module, optimiser: torch.optim.Optimizer, identity: Mapping[str, Any]) -> int:
    """Load the state at `path` into encoder and optimiser; returns the step, 0 where there is no checkpoint.

    Raises ValueError where the file is damaged, hostile, of another version or of other settings.
    """
    if not path.is_file():
        return 0
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        found, step = state["version"], int(state["step"])
    except Exception as problem:  # torch raises whatever the damaged bytes lead it to
        reason = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise ValueError(f"checkpoint {path} cannot be read: {reason}; delete it to begin anew") from None
    if found != VERSION:
        raise ValueError(f"checkpoint {path} is of version {found}, expected {VERSION}; delete it to begin anew")
    if _filled(path, state["identity"]) != dict(identity):
        raise ValueError(f"checkpoint {path} is of other settings or data; delete it, or choose another --out")
    encoder.load_state_dict(state["encoder"])
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["generator"])
    return step


def _filled(path: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """The identity as the current version would have written it."""
    settings = {key: value for key, value in identity.items() if key != "digest"}
    try:
        return {**asdict(Recipe.read(settings)), "digest": identity["digest"]}
    except (ValueError, KeyError) as problem:
        raise ValueError(f"checkpoint {path}: {problem}; delete it to begin anew") from None
