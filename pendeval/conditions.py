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

Range = tuple[float, float]

KNOBS = {"numerical-noise": "eps_n", "graphical-noise": "eps_g", "gaps": "alpha_g", "cropping": "alpha_c"}
"""Variant → the parameter it turns on; vanilla and large have none."""
SYMBOLS = {"eps_n": "ε_n", "eps_g": "ε_g", "alpha_g": "α_g", "alpha_c": "α_c"}
USUAL_GAPS = {"paper": 3, "original": 4}
"""Number of gaps by protocol."""
_FIRST: dict[str, Any] = {
    **{"epochs": 100, "batch": 512, "learning_rate": 0.02, "warmup_epochs": 5, "momentum": 0.9},
    **{"weight_decay": 1e-3, "clip_norm": 3.0, "temperature": 0.1, "similarity": "euclidean", "decoupled": False},
    **{"loss": "mse", "protocol": "paper"},
}
"""Fig. 16 of the paper in the words of pendtrain's recipe; every version of it records these."""
_LATER: dict[str, Any] = {}
"""Settings that a recipe gained since, with the value that reproduces the runs from before."""
PAPER_RECIPE: dict[str, Any] = {**_FIRST, **_LATER}
OBJECTIVE = ("similarity", "temperature", "decoupled", "loss")
"""Settings that make another objective; what else differs is the schedule."""
FULL_PENDULUMS, FULL_IMAGES = 5120, 20
_WHOLE = "[[0.0, 1.0]]"
_KNOWN_PARAMETERS = {
    "vanilla": ({},), "large": ({},),
    "numerical-noise": ({"eps_n"},), "graphical-noise": ({"eps_g"},), "cropping": ({"alpha_c"},),
    "gaps": ({"alpha_g", "num_gaps"}, {"alpha_g"}, {"gap"}),
}  # fmt: skip


@dataclass(frozen=True)
class Data:
    """Settings of a dataset as far as a file says them; None is unknown.

    `time_range` is that of the split embedded, or of the training split; `energy_range` the training setting.
    """

    variant: str | None = None
    parameters: str | None = None
    """canonical JSON object"""
    protocol: str | None = None
    image_size: int | None = None
    bob_size: int | None = None
    time_gap: float | None = None
    antialias: bool | None = None
    time_range: Range | None = None
    energy_range: Range | None = None

    @property
    def known(self) -> bool:
        """Whether every setting is known."""
        return all(getattr(self, field.name) is not None for field in fields(self))

    @property
    def knob(self) -> str:
        """The parameter the variant turns on; "" where it has none."""
        return KNOBS.get(self.variant or "", "")

    @property
    def level(self) -> float:
        """Value of the knob, 0 for vanilla and large; NaN where the data are no plain level of their variant.

        Gaps count where their number is the protocol's own: three in the paper, four in the authors' program.
        """
        if self.variant in ("vanilla", "large"):
            return 0.0
        if not self.knob or self.parameters is None:
            return math.nan
        given = json.loads(self.parameters)
        value = given.pop(self.knob, None)
        usual = {"num_gaps": USUAL_GAPS.get(self.protocol or "")} if self.variant == "gaps" else {}
        plain = isinstance(value, (int, float)) and given in ({}, usual)
        return round(float(value), 9) if plain else math.nan

    @property
    def words(self) -> str:
        """The data in words: the variant, its level, then whatever is not as in the paper."""
        if self.variant is None:
            return "data unknown"
        parts = [self.variant]
        if math.isnan(self.level):
            parts += [f"{SYMBOLS.get(key, key)} {value}" for key, value in json.loads(self.parameters or "{}").items()]
        elif self.knob:
            parts.append(f"{SYMBOLS[self.knob]} {self.level:g}")
        parts += ["original"] if self.protocol == "original" else []
        if not self.known:
            return clean(", ".join([*parts, "settings unknown"]))
        parts += [f"{self.image_size} px"] if self.image_size != self.usual_size else []
        parts += [f"bobs {self.bob_size} px"] if self.bob_size != 3 else []
        parts += [f"time gap {self.time_gap:g}"] if self.time_gap != 0.5 else []
        parts += ["antialiased"] if self.antialias else []
        low, high = self.energy_range or (0.0, 1.0)
        parts += [f"trained energies {low:g} to {high:g}"] if (low, high) != (0.0, 1.0) else []
        low, high = self.time_range or (0.0, 0.0)
        usual = ((0.0, 200.0), (0.0, 10.0)) if self.protocol == "original" else ((0.0, 200.0),)
        return clean(", ".join([*parts, *([f"times {low:g} to {high:g}"] if (low, high) not in usual else [])]))

    @property
    def usual_size(self) -> int:
        """Pixels along a side in the paper."""
        return 100 if self.variant == "large" else 32

    def usual(self, test: bool) -> bool:
        """Whether all but variant, parameters and protocol is as in the paper; unknown is not."""
        times = (0.0, 10.0) if test and self.protocol == "original" else (0.0, 200.0)
        same = (self.image_size, self.bob_size, self.time_gap) == (self.usual_size, 3, 0.5)
        return (
            self.known and same and not self.antialias and (self.time_range, self.energy_range) == (times, (0.0, 1.0))
        )

    def like(self, other: "Data") -> bool | None:
        """Whether both are the same kind of data, whichever split each is of; None where that is unknown.

        Times are compared in the `paper` protocol alone: in the other one every test split has its own.
        """
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            times = field.name == "time_range" and self.protocol == "original"
            if None not in (mine, theirs) and mine != theirs and not times:
                return False
        return True if self.known and other.known else None


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
    recipe: str
    """canonical JSON of the typed recipe without its seed; "" where none is recorded"""
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
        return data, train, size, self.split, self.method, self.dim, recipe

    @property
    def seeds(self) -> tuple[int | None, int | None, int | None]:
        """Seeds of the data embedded, of the data trained on, and of the training."""
        return self.data_seed, self.train_data_seed, self.seed

    def key(self, view: str, pendulums: int | None = None, images: int | None = None) -> str:
        """Twelve digits, equal where experiment, view and sizes are."""
        text = repr((self.experiment, view, pendulums or self.pendulums, images or self.images))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def counterpart(self, view: str, pendulums: int | None = None, images: int | None = None) -> str:
        """Twelve digits, equal where two methods can be compared: all but the method and its label is equal."""
        data, train, size, split, _, dim, recipe = self.experiment
        settings = (*self._departing, self.departures) if self.recipe else recipe
        same = (data, train, size, split, dim, settings, self.recipe_protocol)
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
        """How the recipe departs from the paper's main one: in its objective, and in its schedule."""
        found: dict[bool, list[str]] = {True: [], False: []}
        for name, value in self._departing:
            words = name.replace("_", " ")
            found[name in OBJECTIVE].append(words if value == "true" else f"{words} {_word(value)}")
        unknown = [f"recipe of {self.label}" if self.label else "recipe unknown"]
        if self.recipe:
            unknown = ["the rest unknown"] if _FIRST.keys() - json.loads(self.recipe).keys() else []
        return clean(", ".join(found[True])), clean(", ".join(found[False] + unknown))

    @property
    def _departing(self) -> list[tuple[str, str]]:
        """Settings of the recipe that are not the paper's, in order, and their values as JSON."""
        given = json.loads(self.recipe) if self.recipe else {}
        apart = [name for name in given if name not in ("method", "dim", "protocol")]
        return [(name, canonical(given[name])) for name in apart if given[name] != PAPER_RECIPE.get(name)]

    @property
    def recipe_protocol(self) -> str:
        """Protocol of the recipe; "" where none is recorded."""
        return str(json.loads(self.recipe).get("protocol", "")) if self.recipe else ""

    @property
    def full(self) -> bool:
        """Whether schedule and training data are the paper's in full."""
        enough = (self.train_pendulums or 0) >= FULL_PENDULUMS and (self.train_images or 0) >= FULL_IMAGES
        return enough and not self.departures[1]

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
    data, train = (_data(held, side) for side in ("data", "train"))
    recipe = _recipe(held)
    _refuse_contradictions(held, data, train, recipe, dim)
    recipe.pop("seed", None)
    bands = _json(held, "data_energy_bands")
    split = str(held.get("data_split", "test"))
    digests = (str(held.get("data_digest", "")), str(held.get("train_digest", "")))
    return Condition(
        data=data,
        train=train,
        law=(str(held.get("data_energy_law", "")), "" if bands is None else canonical(_pairs(bands))),
        split="test" if split == "population" else split,
        method=str(held.get("train_method", "")),
        dim=dim,
        recipe=canonical(recipe) if recipe else "",
        label=str(held.get("train_label", "")),
        pendulums=_number(held, "data_pendulums"),
        images=_number(held, "data_images"),
        train_pendulums=_number(held, "train_pendulums"),
        train_images=_number(held, "train_images"),
        data_seed=_number(held, "data_seed"),
        train_data_seed=_number(held, "train_data_seed"),
        seed=_number(held, "train_seed"),
        data_proof=digests[0] or file_digest,
        train_proof=digests[1] or file_digest,
        file_proof=file_digest,
        names=(str(held.get("data_name", "unnamed")), str(held.get("train_name", ""))),
        precision=str(held.get("train_precision", "")),
        same_data=digests[0] == digests[1] != "",
    )


def canonical(value: Any) -> str:
    """JSON with sorted keys, whole floats and integers told apart by type as they were given."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")


def gap_bands(alpha_g: float, num_gaps: int) -> list[Range]:
    """The energies left out of training: `num_gaps` of α_g / num_gaps each between equal seen bands (paper §2.1)."""
    gap, seen = alpha_g / num_gaps, (1.0 - alpha_g) / (num_gaps + 1)
    return [(seen + k * (seen + gap), seen + k * (seen + gap) + gap) for k in range(num_gaps)]


def _data(held: Mapping[str, Any], side: str) -> Data:
    def text(name: str) -> str | None:
        value = held.get(f"{side}_{name}")
        return None if value in (None, "") else str(value)

    def real(name: str) -> float | None:
        value = held.get(f"{side}_{name}")
        return None if value is None else float(value)

    def pair(name: str) -> Range | None:
        value = _json(held, f"{side}_{name}")
        return None if value is None else (float(value[0]), float(value[1]))

    parameters = _json(held, f"{side}_parameters")
    antialias = held.get(f"{side}_antialias")
    return Data(
        variant=text("variant"),
        parameters=None if parameters is None else canonical(_typed(parameters, text("protocol"))),
        protocol=text("protocol"),
        image_size=_number(held, f"{side}_image_size"),
        bob_size=_number(held, f"{side}_bob_size"),
        time_gap=real("time_gap"),
        antialias=None if antialias is None else bool(antialias),
        time_range=pair("time_range"),
        energy_range=pair("energy_range"),
    )


def _typed(parameters: Mapping[str, Any], protocol: str | None) -> dict[str, Any]:
    """Parameters with every number of its type, so that ε = 1 and ε = 1.0 are one, and the usual number of gaps."""
    held = {key: float(value) if key in SYMBOLS else value for key, value in parameters.items()}
    if "alpha_g" in held and protocol in USUAL_GAPS:
        held["num_gaps"] = int(held.get("num_gaps", USUAL_GAPS[protocol]))
    if "gap" in held:
        held["gap"] = _pairs(held["gap"])
    return held


def _pairs(bands: Any) -> list[list[float]]:
    return sorted([float(low), float(high)] for low, high in bands)


def _refuse_contradictions(
    held: Mapping[str, Any], data: Data, train: Data, recipe: Mapping[str, Any], dim: int
) -> None:
    for name, stated in (("method", held.get("train_method")), ("seed", held.get("train_seed"))):
        if stated is not None and recipe.get(name, stated) != stated:
            raise ValueError(f"train_{name} is {stated!r}, but train_recipe has {name} {recipe[name]!r}")
    for where, stated in (("train_dim", held.get("train_dim")), ("train_recipe's dim", recipe.get("dim"))):
        if stated is not None and stated != dim:
            raise ValueError(f"{where} is {stated!r}, but the embedding has {dim} outputs")
    for side, settings in (("data", data), ("train", train)):
        given = json.loads(settings.parameters) if settings.parameters else {}
        kinds = _KNOWN_PARAMETERS.get(settings.variant or "")
        if kinds and settings.parameters is not None and set(given) not in [set(kind) for kind in kinds]:
            raise ValueError(
                f"{side}_parameters is {settings.parameters}, which variant {settings.variant} cannot have"
            )
        gaps = _json(held, f"{side}_gaps")
        if gaps is not None and kinds and settings.parameters is not None:
            wanted = _gaps_of(settings)
            same = len(wanted) == len(gaps) and all(
                abs(a - b) < 1e-6
                for one, other in zip(wanted, sorted(gaps), strict=True)
                for a, b in zip(one, other, strict=True)
            )
            if not same:
                raise ValueError(f"{side}_gaps is {gaps}, which {side}_parameters {settings.parameters} does not give")
    if held.get("data_digest") and held.get("data_digest") == held.get("train_digest"):
        seeds = {held[name] for name in ("data_seed", "train_data_seed") if name in held}
        if data.like(train) is False or len(seeds) > 1:
            raise ValueError("data_digest and train_digest are equal, but the settings of the two sides differ")


def _gaps_of(data: Data) -> list[Range]:
    given = json.loads(data.parameters or "{}")
    if data.variant != "gaps":
        return []
    if "gap" in given:
        return sorted((float(low), float(high)) for low, high in given["gap"])
    return gap_bands(float(given["alpha_g"]), int(given.get("num_gaps", USUAL_GAPS.get(data.protocol or "paper", 3))))


def _recipe(held: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe, empty where none is recorded.

    What a whole recipe lacks did not exist when it was written and has the value that reproduces it, so that the file
    is of the same condition as a later one that records it. A whole number for a float of the paper's is that float.
    """
    typed = {
        name: float(value) + 0.0 if isinstance(PAPER_RECIPE.get(name), float) and _is_whole(value) else value
        for name, value in (_json(held, "train_recipe") or {}).items()
    }
    return {**_LATER, **typed} if _FIRST.keys() <= typed.keys() else typed


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


def _json(held: Mapping[str, Any], name: str) -> Any:
    text = held.get(name)
    return None if text in (None, "") else json.loads(str(text))


def _number(held: Mapping[str, Any], name: str) -> int | None:
    value = held.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _word(value: str) -> str:
    """A setting in JSON as a person writes it: `1e-3` as 0.001, texts without quotes."""
    given = json.loads(value)
    return f"{given:g}" if isinstance(given, float) and float(f"{given:g}") == given else str(given)
