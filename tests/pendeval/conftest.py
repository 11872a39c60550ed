"""Synthetic runs whose truth is known, written as another trainer could write them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

Map = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes one run below tmp_path/runs and returns its embeddings file.

    The encoder sees the energy up to noise .03, as its oracle does, and embeds `outputs(energy as seen)`;
    `leak` embeds the energy itself. Energies depend on `data_seed` alone, noise on `seed` and `method`.
    """

    def write(
        seed: int = 0,
        method: str = "contrastive",
        variant: str = "vanilla",
        parameters: dict[str, Any] | None = None,
        outputs: Map = lambda seen: 6.5 * seen[..., None],
        status: str = "complete",
        leak: bool = False,
        pendulums: int = 200,
        images: int = 5,
        visible: NDArray[np.bool_] | None = None,
        data_seed: int = 0,
        noise: float = 0.01,
        **attributes: Any,
    ) -> Path:
        truth, draw = np.random.default_rng(data_seed), np.random.default_rng([seed, len(method)])
        energy = truth.random(pendulums)
        oracle = np.clip(energy[:, None] + 0.03 * truth.standard_normal((pendulums, images)), 0, 1)
        seen = np.repeat(energy[:, None], images, axis=1) if leak else oracle
        seen = seen + (0 if leak else noise) * draw.standard_normal((pendulums, images))
        embedding = outputs(seen)
        recipe = f"d{embedding.shape[-1]}"
        label = attributes.get("train_label", f"{method}-{recipe}")
        run = tmp_path / "runs" / str(attributes.get("data_name", variant)) / label.replace("/", "_") / f"seed-{seed}"
        (run / "embeddings").mkdir(parents=True)
        path = run / "embeddings" / f"{variant}-test.h5"
        held = json.dumps(parameters or {})
        described = {
            **{"format": "pendulum-embedding", "format_version": 1, "data_name": variant, "train_name": variant},
            **{"data_variant": variant, "data_parameters": held, "data_protocol": "paper", "data_seed": data_seed},
            **{"train_variant": variant, "train_parameters": held, "train_protocol": "paper"},
            **{"data_split": "test", "data_energy_law": "uniform", "data_energy_bands": "[[0.0, 1.0]]"},
            **{"train_label": label, "train_method": method, "train_seed": seed},
        }
        with h5py.File(path, "w") as file:
            file["embedding"] = embedding.astype(np.float32)
            file["energy"], file["energy_given_image"] = energy, oracle
            file["angle"] = truth.uniform(-3, 3, (pendulums, images, 2))
            file["visible"] = np.ones((pendulums, images, 2), bool) if visible is None else visible
            file.attrs.update({**described, **attributes})
        run_json = {"format": "pendulum-run", "format_version": 1, "status": status, "label": label}
        run_json |= {"recipe": {"method": method, "seed": seed}, "dataset": {"name": variant, "variant": variant}}
        (run / "run.json").write_text(json.dumps(run_json))
        return path

    return write
