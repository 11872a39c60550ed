"""Which experiment an embeddings file belongs to. Every question of sameness is answered here and nowhere else.

The settings of a file (the attributes `data_*` and `train_*` of format "pendulum-embedding") become a `Condition`:
what was embedded, what the encoder was trained on, and the whole typed recipe. Two files are of the same condition
when all of these agree, seeds aside. What a file does not say is unknown, and unknown equals nothing: such a file
shares its condition only with files of provably the same data, by the digest of its content. Names and labels are for
people; nothing is read from them, save that the label stands for the recipe of a trainer that records none.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pendeval.attributes import clean
from pendeval.recipes import departures, is_whole, own_settings, typed
from pendeval.settings import Data, canonical, data_of, pairs, parsed, refuse_impossible, whole

FULL_PENDULUMS, FULL_IMAGES = 5120, 20
_WHOLE = "[[0.0, 1.0]]"


@dataclass(frozen=True)
class Condition:
    """One experiment, seeds aside, and the seeds of one file."""

    data: Data
    train: Data
    law: tuple[str, str]
    """of the energies embedded: its name, and the bands they lie in as JSON; "" where unknown"""
    split: str
    """train or test; a population counts as test, whose law it follows"""
    method: str
    dim: int
    layer: str
    """"" for the outputs of the encoder, "features" for what its last layer sees"""
    recipe: str
    """canonical JSON of the typed recipe without its seed and without other methods' settings; "" where none is held"""
    defaults: str
    """JSON of the defaults of the method's own settings, for words alone; "" where none are recorded"""
    label: str
    pendulums: int | None
    """of the split embedded; None for a population"""
    images: int | None
    train_pendulums: int | None
    train_images: int | None
    data_seed: int | None
    train_data_seed: int | None
    seed: int | None
    data_proof: str
    """digest that stands for unknown data settings"""
    train_proof: str
    file_proof: str
    """digest of the file, which stands for an unknown recipe without a label"""
    names: tuple[str, str]
    """names of the dataset embedded and of the one trained on, for people"""
    precision: str
    same_data: bool
    """whether the digests prove that the data embedded are those trained on"""

    @property
    def experiment(self) -> tuple[Any, ...]:
        """What decides the experiment on the side of training and of the data embedded, sizes of the latter aside."""
        data = (self.data, self.law) if self.data.known and all(self.law) else self.data_proof
        size = (self.train_pendulums, self.train_images)
        train = self.train if self.train.known and None not in size else self.train_proof
        recipe = self.recipe or self.label or self.file_proof
        return data, train, size, self.split, self.method, self.dim, recipe, self.layer

    @property
    def seeds(self) -> tuple[int | None, int | None, int | None]:
        """Seeds of the data embedded, of the data trained on, and of the training."""
        return self.data_seed, self.train_data_seed, self.seed

    def key(self, view: str, pendulums: int | None = None, images: int | None = None) -> str:
        """Twelve digits, equal where experiment, view and sizes are."""
        text = repr((self.experiment, view, pendulums or self.pendulums, images or self.images))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def counterpart(self, view: str, pendulums: int | None = None, images: int | None = None) -> str:
        """Twelve digits, equal where conditions can be compared: all but the method and its own settings is equal.

        Of a recipe that is not known to be whole, no setting is known to be the method's own.
        """
        data, train, size, split, _, dim, recipe, layer = self.experiment
        given = self._given
        if given:
            own = {"method", *own_settings(given, self.method)}
            recipe = canonical({name: value for name, value in given.items() if name not in own})
        same = (data, train, size, split, dim, layer, recipe)
        text = repr((same, view, pendulums or self.pendulums, images or self.images))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def own(self) -> bool | None:
        """Whether the encoder was trained on data of the settings it is scored on; None where unknown."""
        return True if self.same_data else self.data.like(self.train)

    @property
    def usual(self) -> bool:
        """Whether nothing but variant, parameters and protocol departs from the paper's data on either side."""
        test = self.split == "test"
        law = ("linspace" if self.data.protocol == "original" else "uniform", _WHOLE)
        return self.data.usual(test) and self.train.usual(False) and (not test or self.law == law)

    @property
    def data_words(self) -> str:
        """The data embedded in words, with the energies of a test split where these are not all."""
        usual = self.split != "test" or self.law[1] in ("", _WHOLE)
        return self.data.words if usual else clean(f"{self.data.words}, test energies {self.law[1]}")

    @property
    def departures(self) -> tuple[str, str]:
        """How the recipe departs from the usual one: in the method's own settings, and in the schedule.

        As `recipes.departures` words it; what is not recorded is unknown.
        """
        if not self._given:
            return "", clean(f"recipe of {self.label}" if self.label else "recipe unknown")
        return departures(self._given, self.method, json.loads(self.defaults or "{}"))

    @property
    def _given(self) -> dict[str, Any]:
        """The recipe by name, in order; empty where none is recorded."""
        return dict(json.loads(self.recipe)) if self.recipe else {}

    @property
    def recipe_protocol(self) -> str:
        """Protocol of the recipe; "" where none is recorded."""
        return str(self._given.get("protocol", ""))

    @property
    def encoder(self) -> str:
        """What turns images into embeddings: resnet18, table, optimum; "" where that is unknown."""
        return clean(str(self._given.get("encoder", "")))

    @property
    def labelled(self) -> float:
        """Share of pendulums that keep their energy in training; NaN where the method has no such setting."""
        share = self._given.get("labelled", 1.0 if self.method == "supervised" else math.nan)
        return float(share) if isinstance(share, float) or is_whole(share) else math.nan

    @property
    def full(self) -> bool:
        """Whether encoder, schedule and training data are the paper's in full."""
        enough = (self.train_pendulums or 0) >= FULL_PENDULUMS and (self.train_images or 0) >= FULL_IMAGES
        return enough and not self.departures[1] and not self.layer

    def columns(self) -> dict[str, Any]:
        """The condition as cells of a table: both sides' settings, words for people, the knobs and the seeds."""
        cells: dict[str, Any] = {"dataset": self.names[0], "train_dataset": self.names[1]}
        for prefix, side in (("", self.data), ("train_", self.train)):
            for field in fields(side):
                value = getattr(side, field.name)
                cells[prefix + field.name] = json.dumps(value) if isinstance(value, tuple) else value
            cells[f"{prefix}knob"], cells[f"{prefix}level"] = side.knob, side.level
        objective, schedule = self.departures
        own = self.own
        return cells | {
            **{"data_words": self.data_words, "train_words": "" if own else self.train.words},
            **{"split": self.split, "label": self.label, "method": self.method, "dim": self.dim, "recipe": self.recipe},
            **{"layer": self.layer, "encoder": self.encoder, "labelled": self.labelled},
            **{"train_pendulums": self.train_pendulums, "train_images": self.train_images},
            **{"own": own, "usual": self.usual, "objective": objective, "schedule": schedule},
            **{"recipe_protocol": self.recipe_protocol, "full": self.full, "precision": self.precision},
            **{"data_seed": self.data_seed, "train_data_seed": self.train_data_seed, "seed": self.seed},
        }


def condition_of(held: Mapping[str, Any], dim: int, file_digest: str = "") -> Condition:
    """The condition of a file with attributes `held` and embeddings of `dim` outputs.

    `held` are single texts, numbers and JSON texts as `pendeval.files` leaves them. `file_digest` stands for what a
    file without digests is of. Raises ValueError where settings contradict each other.
    """
    data, train = (data_of(held, side) for side in ("data", "train"))
    given = parsed(held, "train_recipe") or {}
    method = str(held.get("train_method", "")) or clean(str(given.get("method", "")))
    defaults = parsed(held, "train_defaults")
    recipe = typed(given, method, defaults or {})
    _refuse_contradictions(held, data, train, recipe, dim)
    recipe.pop("seed", None)
    bands = parsed(held, "data_energy_bands")
    split = str(held.get("data_split", "test"))
    digests = (str(held.get("data_digest", "")), str(held.get("train_digest", "")))
    return Condition(
        data=data,
        train=train,
        law=(str(held.get("data_energy_law", "")), "" if bands is None else canonical(pairs(bands))),
        split="test" if split == "population" else split,
        method=method,
        dim=dim,
        layer=str(held.get("train_layer", "")),
        recipe=canonical(recipe) if recipe else "",
        defaults="" if defaults is None else canonical(defaults),
        label=str(held.get("train_label", "")),
        pendulums=whole(held, "data_pendulums"),
        images=whole(held, "data_images"),
        train_pendulums=whole(held, "train_pendulums"),
        train_images=whole(held, "train_images"),
        data_seed=whole(held, "data_seed"),
        train_data_seed=whole(held, "train_data_seed"),
        seed=whole(held, "train_seed"),
        data_proof=digests[0] or file_digest,
        train_proof=digests[1] or file_digest,
        file_proof=file_digest,
        names=(str(held.get("data_name", "unnamed")), str(held.get("train_name", ""))),
        precision=str(held.get("train_precision", "")),
        same_data=digests[0] == digests[1] != "",
    )


def _refuse_contradictions(
    held: Mapping[str, Any], data: Data, train: Data, recipe: Mapping[str, Any], dim: int
) -> None:
    for where, stated in (("train_dim", held.get("train_dim")), ("train_recipe's dim", recipe.get("dim"))):
        if stated is not None and stated != dim and not held.get("train_layer"):  # an inner layer has its own width
            raise ValueError(f"{where} is {stated!r}, but the embedding has {dim} outputs")
    for name in ("method", "seed", "dim"):
        stated = held.get(f"train_{name}")
        if stated is not None and recipe.get(name, stated) != stated:
            raise ValueError(f"train_{name} is {stated!r}, but train_recipe has {name} {recipe[name]!r}")
    refuse_impossible(held, "data", data)
    refuse_impossible(held, "train", train)
    if held.get("data_digest") and held.get("data_digest") == held.get("train_digest"):
        seeds = {held[name] for name in ("data_seed", "train_data_seed") if name in held}
        if data.like(train) is False or len(seeds) > 1:
            raise ValueError("data_digest and train_digest are equal, but the settings of the two sides differ")
