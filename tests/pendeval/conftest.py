"""Synthetic runs whose truth is known, written as another trainer could write them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

Float = NDArray[np.float64]
Map = Callable[[Float], Float]
Gaps = tuple[tuple[float, float], ...]

IMAGES, CELLS = 300, 8
KNOBS = {"numerical-noise": "eps_n", "graphical-noise": "eps_g", "gaps": "alpha_g", "cropping": "alpha_c"}
RECIPE: dict[str, Any] = {
    **{"epochs": 100, "batch": 512, "protocol": "paper", "similarity": "euclidean", "temperature": 0.1},
    **{"decoupled": False, "loss": "mse", "learning_rate": 0.02, "warmup_epochs": 5, "momentum": 0.9},
    **{"weight_decay": 1e-3, "clip_norm": 3.0},
}
COLUMNS = ("visible", "probability", "energy_given_image", "energy_edges", "energy_probability", "energy_moment")


@dataclass(frozen=True)
class World:
    """Every image that can occur, in the columns of a population file."""

    visible: NDArray[np.bool_]
    probability: Float
    energy_given_image: Float
    energy_edges: Float
    energy_probability: Float
    energy_moment: Float

    def drawn(self, truth: np.random.Generator, energy: Float, images: int) -> NDArray[np.int64]:
        """Which image each of `images` looks at each energy (P,) shows: (P, images)."""
        place = np.searchsorted(self.energy_edges, energy, side="right") - 1
        upto = np.cumsum(self.energy_probability, axis=0)[:, place]
        asked = truth.random((len(energy), images)) * upto[-1][:, None]
        return (upto.T[:, None, :] < asked[:, :, None]).sum(axis=2)


@lru_cache
def world(gaps: Gaps = (), images: int = IMAGES, spread: float = 0.03, blank: float = 0.0) -> World:
    """Images that show energies about one of their own, some often and some rarely, on 140 bins refined by `gaps`.

    A bob, or both, is out of view in a share `blank` of what energies above .1 show; the two images that show so
    little come first and second.
    """
    ends = [end for band in gaps for end in band]
    edges = np.unique(np.concatenate([np.linspace(0, 1, 141), ends]).round(12))
    width = np.repeat(np.diff(edges) / CELLS, CELLS)
    energy = np.cumsum(width) - width / 2
    draw = np.random.default_rng(images)
    near = np.exp(-0.5 * ((energy - np.linspace(0, 1, images)[:, None]) / spread) ** 2)
    near *= draw.gamma(2.0, size=images)[:, None]
    given = near / near.sum(axis=0)
    visible = np.ones((images, 2), bool)
    if blank:
        dark = np.where(energy > 0.1, blank, 0.0)
        given *= 1 - dark
        given[:2] += dark / 2
        visible[:2] = [[False, False], [True, False]]
    parts = [(given * width * weight).reshape(images, -1, CELLS).sum(axis=2) for weight in (1.0, energy)]
    probability = parts[0].sum(axis=1)
    return World(visible, probability, parts[1].sum(axis=1) / probability, edges, parts[0], parts[1])


def population_digest(columns: Mapping[str, NDArray[Any]]) -> str:
    """The digest of a population as its format has it."""
    digest = hashlib.sha256()
    for name in COLUMNS:
        column = np.asarray(columns[name])
        digest.update(np.ascontiguousarray(column, np.uint8 if name == "visible" else "<f8").tobytes())
    return digest.hexdigest()


def settings(variant: str, parameters: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a dataset as its manifest has them: the paper's, but for `given`."""
    protocol = given.get("protocol", "paper")
    parameters = dict(parameters or {})
    if variant == "gaps" and "gap" not in parameters:
        parameters = {"num_gaps": 4 if protocol == "original" else 3} | parameters
    held = {"variant": variant, "parameters": dict(sorted(parameters.items())), "protocol": protocol}
    held |= {"image_size": 100 if variant == "large" else 32, "bob_size": 3, "time_gap": 0.5, "antialias": False}
    held |= {"energy_range": [0.0, 1.0], "time_range": [0.0, 200.0]}
    return held | {"gaps": [list(band) for band in gaps_of(held)]} | dict(given)


def gaps_of(held: Mapping[str, Any]) -> Gaps:
    """The energies that training leaves out."""
    given = held["parameters"]
    if held["variant"] != "gaps":
        return ()
    if "gap" in given:
        return tuple((low, high) for low, high in given["gap"])
    count, share = given["num_gaps"], given["alpha_g"]
    gap, seen = share / count, (1 - share) / (count + 1)
    return tuple((seen + k * (seen + gap), (k + 1) * (seen + gap)) for k in range(count))


def name_of(held: Mapping[str, Any], seed: int) -> str:
    """The name `pendgen build` gives a dataset."""
    level = held["parameters"].get(KNOBS.get(held["variant"], ""), "")
    parts = [held["variant"], *([f"{level!r}"] if level != "" else [])]
    parts += ["original"] if held["protocol"] == "original" else []
    return "-".join([*parts, *([f"seed-{seed}"] if seed else [])])


def content_digest(held: Mapping[str, Any], seed: int, pendulums: int) -> str:
    """A digest that is equal for equal datasets."""
    return hashlib.sha256(json.dumps([dict(sorted(held.items())), seed, pendulums]).encode()).hexdigest()


def label_of(method: str, dim: int, recipe: Mapping[str, Any]) -> str:
    """The label `pendtrain fit` gives a run."""
    differing = [(name, value) for name, value in recipe.items() if value != RECIPE.get(name)]
    parts = [name if value is True else f"{name}-{value}" for name, value in differing]
    return "-".join([f"{method}-d{dim}", *parts]).replace("_", "-")


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes one run below tmp_path/runs and returns its embeddings file of the test split.

    An image shows its energy up to about .03, and the encoder embeds `outputs(what its oracle says of it)`, each
    image up to `noise`; `leak` embeds the energy itself. What the test split shows depends on `data_seed` alone, noise
    on `seed` and `method`. `data` are settings of the data (such as bob_size) in which both sides differ from the
    paper's, `train` those in which the training side alone does (`variant` and `parameters` among them), `recipe` those
    of the recipe. `population` writes the embeddings of every image beside. `version` 1 leaves out what that version
    could not say. Further attributes replace those of the file; None leaves one out.
    """

    def write(
        seed: int | None = 0,
        method: str = "contrastive",
        variant: str = "vanilla",
        parameters: Mapping[str, Any] | None = None,
        outputs: Map = lambda seen: 6.5 * seen[..., None],
        status: str = "complete",
        leak: bool = False,
        pendulums: int = 200,
        images: int = 5,
        visible: NDArray[np.bool_] | None = None,
        data_seed: int = 0,
        train_data_seed: int | None = None,
        noise: float = 0.01,
        blank: float = 0.0,
        different: int = IMAGES,
        data: Mapping[str, Any] | None = None,
        train: Mapping[str, Any] | None = None,
        recipe: Mapping[str, Any] | None = None,
        population: bool = False,
        examples: int = 0,
        version: int = 2,
        root: Path | None = None,
        **attributes: Any,
    ) -> Path:
        own = settings(variant, parameters, data or {})
        given = dict(train or {})
        seen = settings(given.pop("variant", variant), given.pop("parameters", parameters), {**(data or {}), **given})
        original = own["protocol"] == "original"
        train_data_seed = data_seed if train_data_seed is None else train_data_seed
        every = world(gaps_of(seen), images=different, blank=blank)
        truth = np.random.default_rng(data_seed)
        energy = np.linspace(0, 1, pendulums) if original else truth.random(pendulums)
        shown = every.drawn(truth, np.minimum(energy, 1 - 1e-12), images)
        draw = np.random.default_rng([abs(seed or 0), len(method)])
        line = every.energy_given_image + noise * draw.standard_normal(different)
        line = np.clip(line, every.energy_given_image.min(), every.energy_given_image.max()) if not noise else line
        whole = outputs(line).astype(np.float32)
        embedding = whole[shown]
        if leak:
            embedding = outputs(np.repeat(energy[:, None], images, axis=1)).astype(np.float32)
        dim = embedding.shape[-1]
        names = [name_of(one, number) for one, number in ((own, data_seed), (seen, train_data_seed))]
        names = [attributes.get("data_name", names[0]), attributes.get("train_name", names[1])]
        digests = [content_digest(own, data_seed, 5120), content_digest(seen, train_data_seed, 5120)]
        held = {"method": method, "dim": dim, "seed": seed, **RECIPE, **(recipe or {})}
        label = attributes.get("train_label", label_of(method, dim, {**RECIPE, **(recipe or {})}))
        if label is None:
            label = "unlabelled"
        stated: dict[str, Any] = {f"data_{key}": value for key, value in own.items()}
        stated |= {"data_name": names[0], "data_seed": data_seed, "data_split": "test", "data_digest": digests[0]}
        stated |= {"data_energy_law": "linspace" if original else "uniform", "data_energy_bands": [[0.0, 1.0]]}
        stated |= {"data_time_range": [0.0, 10.0] if original else own["time_range"]}
        stated |= {"data_pendulums": pendulums, "data_images": images}
        stated |= {f"train_{key}": value for key, value in seen.items()}
        stated |= {"train_name": names[1], "train_data_seed": train_data_seed, "train_digest": digests[1]}
        stated |= {"train_pendulums": 5120, "train_images": 20, "train_method": method, "train_dim": dim}
        stated |= {"train_seed": seed, "train_label": label, "train_recipe": held}
        stated |= {"train_precision": "float32", "train_device": "cpu"}
        if version == 1:
            late = ("image_size", "bob_size", "time_gap", "antialias", "time_range", "energy_range", "precision")
            late += ("pendulums", "images", "device")
            stated = {key: value for key, value in stated.items() if key.partition("_")[2] not in late}
            stated.pop("data_gaps")
        run = (root or tmp_path / "runs") / str(names[1]) / str(label).replace("/", "_") / f"seed-{seed}"
        (run / "embeddings").mkdir(parents=True, exist_ok=True)
        path = run / "embeddings" / f"{names[0]}-test.h5"
        columns: dict[str, NDArray[Any]] = {"embedding": embedding, "energy": energy}
        columns |= {"energy_given_image": every.energy_given_image[shown]}
        columns |= {"angle": truth.uniform(-3, 3, (pendulums, images, 2))}
        columns |= {"visible": every.visible[shown] if visible is None else visible}
        if examples:
            pictures = np.full((examples, own["image_size"], own["image_size"], 3), 255, np.uint8)
            for k, picture in enumerate(pictures):
                picture[8:11, k % 28 : k % 28 + 3] = [0, 0, 255]
            columns |= {"example_image": pictures, "example_energy": np.linspace(0.05, 0.95, examples)}
        _write(path, columns, version, stated | attributes)
        if population:
            columns = {name: getattr(every, name) for name in COLUMNS}
            stated = {key: value for key, value in stated.items() if key not in ("data_pendulums", "data_images")}
            stated |= {"data_split": "population", "data_energy_law": "uniform", "data_left_out": 0.0}
            stated |= {"data_population_digest": population_digest(columns)} | attributes
            _write(path.with_name(f"{names[0]}-population.h5"), {"embedding": whole, **columns}, version, stated)
        facts = {**seen} | {"name": names[1], "seed": train_data_seed}
        facts |= {"digest": digests[1], "directory": str(tmp_path / "data")}
        content = {"format": "pendulum-run", "format_version": version, "status": status, "label": label}
        content |= {"recipe": held, "dataset": facts, "began": "2026-01-01T00:00:00+00:00", "train_seconds": 12.5}
        content |= {"environment": {"device": "cpu", "precision": "float32", "packages": {"numpy": np.__version__}}}
        (run / "run.json").write_text(json.dumps(content))
        rows = [f"{step},{step / 10},{1 / step:.6f},0.04,1.0,500.0" for step in range(1, 21)]
        head = "step,epoch,loss,learning_rate,gradient_norm,images_per_second"
        (run / "metrics.csv").write_text("\n".join([head, *rows]) + "\n")
        return path

    return write


def _write(path: Path, columns: Mapping[str, NDArray[Any]], version: int, attributes: Mapping[str, Any]) -> None:
    with h5py.File(path, "w") as file:
        for name, column in columns.items():
            file.create_dataset(name, data=column, compression="gzip" if name in COLUMNS[-2:] else None)
        for key, value in {"format": "pendulum-embedding", "format_version": version, **attributes}.items():
            if value is not None:
                plain = isinstance(value, (str, int, float, bytes, np.generic, np.ndarray))
                file.attrs[key] = value if plain else json.dumps(value)
