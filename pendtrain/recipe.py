"""Every setting of a training run in one frozen dataclass, with Fig. 16 of the paper as defaults.

A recipe names its method and holds that method's own settings (`pendtrain.objectives`), none of any other. Written
down it is flat: general and own settings side by side, by name.

Protocols: `paper` as the text says; `original` as the authors' program did where that differs: pairs are
drawn with replacement, so both views may be one image, and supervised training sees the first view only.

A recipe may grow, and so may a method's settings. A setting that is added later is declared with the value that
reproduces the runs from before it existed, `later(default, before=…)`: `Recipe.read` fills it in, and a label leaves
it out, so that those runs keep their directory whatever the default becomes.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from pendtrain.nearest import nearest, nearest_path

# Where each method's objective is; one from outside is named like the right-hand side.
PAIR = ("contrastive", "supervised")  # what the paper compares
METHODS = {
    "contrastive": "pendtrain.objectives.contrastive:Contrastive",
    "supervised": "pendtrain.objectives.supervised:Supervised",
    "simsiam": "pendtrain.objectives.simsiam:SimSiam",
    "byol": "pendtrain.objectives.byol:BYOL",
    "vicreg": "pendtrain.objectives.vicreg:VICReg",
    "barlow_twins": "pendtrain.objectives.barlow_twins:BarlowTwins",
    "spectral": "pendtrain.objectives.spectral:Spectral",
    "align_uniform": "pendtrain.objectives.align_uniform:AlignUniform",
    "joint": "pendtrain.objectives.joint:Joint",
    "paws": "pendtrain.objectives.paws:PAWS",
}
# Encoders, and the settings that are their own default instead of Fig. 16's.
ENCODERS: dict[str, dict[str, Any]] = {
    "resnet18": {},
    "table": {"optimiser": "adamw", "learning_rate": 0.5, "epochs": 200, "weight_decay": 0.0, "clip_norm": 1e6},
    "optimum": {},
}
# Recipes by name: settings that stand in for the defaults. What fast was chosen among: data/results/recipes.csv.
RECIPES: dict[str, dict[str, Any]] = {
    "paper": {},
    "fast": {
        "optimiser": "muon",
        "learning_rate": 0.16,
        "momentum": 0.95,
        "batch": 64,
        "epochs": 20,
        "warmup_epochs": 1,
        "averaging": 0.99,
    },
}
PROTOCOLS = ("paper", "original")
OPTIMISERS = ("sgd", "adamw", "muon")
# Settings that version 1 recorded whatever the method, at these values where the method did not look at them.
_OF_THE_OTHER = {"similarity": "euclidean", "temperature": 0.1, "decoupled": False, "loss": "mse"}


def later(default: Any, *, before: Any) -> Any:
    """A dataclass field that did not always exist, and the value that reproduces the runs from before."""
    return field(default=default, metadata={"before": before})


@dataclass(frozen=True)
class Recipe:
    """The scientific settings of a run: equal recipes on equal data are the same experiment.

    Numbers are normalised, so that 1 and 1.0, or 0.0 and -0.0, are one temperature. Raises ValueError on
    construction, naming the setting, its value and what was expected. `Recipe.of` takes flat settings.
    """

    method: str = "contrastive"
    """One of `METHODS`, or `package.module:Class` from outside."""
    dim: int = 1
    """Outputs of the encoder."""
    seed: int = 0
    """Draws the initial weights, the order of pendulums, the pairs, and who keeps its label."""
    epochs: int = 100
    """Every epoch shows each pendulum once, as one pair of images."""
    batch: int = 512
    """Pendulums a step, so twice as many images; the sum over all processes."""
    protocol: str = "paper"
    learning_rate: float = 0.02
    """Peak rate per 256 pendulums of batch (linear scaling, Goyal et al. 2017): .04 at batch 512."""
    warmup_epochs: int = 5
    """Linear warm-up; at most half of the run where that is shorter."""
    momentum: float = 0.9
    """Of SGD and Muon; β₁ of AdamW."""
    weight_decay: float = 1e-3
    """On all parameters, as the authors did."""
    clip_norm: float = 3.0
    """Largest norm of the whole gradient."""
    encoder: str = later("resnet18", before="resnet18")
    """resnet18; table: a free vector for every distinct image; optimum: such vectors, at the least expected loss."""
    optimiser: str = later("sgd", before="sgd")
    """sgd, adamw or muon (orthogonalised momentum for kernels; AdamW, at a fifth of the rate, for the rest)."""
    averaging: float = later(0.0, before=0.0)
    """Decay a step of an exponential average of the weights over the second half, which is then kept; 0: none."""
    own: Any = None
    """The method's own settings, an instance of its objective's `Settings`; None stands for their defaults."""

    def __post_init__(self) -> None:
        for each in _general(self):
            object.__setattr__(self, each.name, _normalised(each, getattr(self, each.name)))
        checks = (
            ("dim", 1 <= self.dim <= 4096, "1 to 4096"),
            ("seed", 0 <= self.seed < 2**63, "0 to 2^63 - 1"),
            ("epochs", 1 <= self.epochs <= 10**6, "1 to 1,000,000"),
            ("batch", 2 <= self.batch <= 10**6, "2 to 1,000,000 (a pair needs another to differ from)"),
            ("protocol", self.protocol in PROTOCOLS, " or ".join(PROTOCOLS)),
            ("encoder", self.encoder in ENCODERS, ", ".join(ENCODERS)),
            ("optimiser", self.optimiser in OPTIMISERS, ", ".join(OPTIMISERS)),
            ("learning_rate", 0 < self.learning_rate < 1e6, "above 0, below 1e6"),
            ("warmup_epochs", 0 <= self.warmup_epochs <= 10**6, "0 or more"),
            ("momentum", 0 <= self.momentum < 1, "0 to below 1"),
            ("weight_decay", 0 <= self.weight_decay < 1e6, "0 to below 1e6"),
            ("clip_norm", 0 < self.clip_norm < math.inf, "above 0, and a number"),
            ("averaging", 0 <= self.averaging < 1, "0 to below 1"),
        )
        for name, ok, expected in checks:
            if not ok:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {expected}")
        objective = _objective(self.method)
        if self.own is None:
            object.__setattr__(self, "own", objective.Settings())
        if type(self.own) is not objective.Settings:
            raise ValueError(f"own is {self.own!r}, expected settings of {self.method}")
        objective.check(self.own, self.dim)

    @classmethod
    def of(cls, **given: Any) -> Self:
        """The recipe of flat settings by name; what is not given has the usual value of its encoder and method.

        Raises ValueError where a setting is none of the method's, or refused.
        """
        method = str(given.get("method", cls.method))
        theirs = {each.name: each for each in _own(method)}
        names = [each.name for each in _general(cls)]
        unknown = [name for name in given if name not in names and name not in theirs]
        if unknown:
            known = [*names, *theirs]
            meant = nearest(unknown[0], known)
            raise ValueError(f"{unknown[0]} is no setting of {method}, expected one of {', '.join(known)}{meant}")
        mine = {name: _normalised(theirs[name], value) for name, value in given.items() if name in theirs}
        usual = _usual(method, str(given.get("encoder", cls.encoder)))
        general = usual | {name: value for name, value in given.items() if name in names}
        return cls(**general, own=_objective(method).Settings(**mine))

    @classmethod
    def read(cls, recorded: Mapping[str, Any]) -> Self:
        """The recipe of a run from the settings it recorded, whichever version of this program wrote them.

        Settings that did not exist then get the value that reproduces the run. Raises ValueError where a setting is
        unknown, which only a newer version can have written, or missing though every version had it.
        """
        if "method" not in recorded:
            raise ValueError("recipe lacks method")
        known = {each.name: each for each in (*_general(cls), *_own(str(recorded["method"])))}
        held = {
            name: value
            for name, value in recorded.items()
            if name in known or name not in _OF_THE_OTHER or value != _OF_THE_OTHER[name]
        }
        unknown = [name for name in held if name not in known]
        if unknown:
            raise ValueError(f"recipe sets {unknown[0]}, which this version does not know; the run is of a newer one")
        older = {name: each.metadata["before"] for name, each in known.items() if "before" in each.metadata}
        missing = [name for name in known if name not in held and name not in older]
        if missing:
            raise ValueError(f"recipe lacks {missing[0]}, expected {', '.join(known)}")
        return cls.of(**{**older, **held})

    @property
    def settings(self) -> dict[str, Any]:
        """All settings by name, flat: what is written down of a recipe."""
        return {each.name: getattr(self, each.name) for each in _general(self)} | asdict(self.own)

    @property
    def label(self) -> str:
        """Directory name of the method: `contrastive-d1`, then whatever differs from what is usual with it.

        Of a setting with a `before`, usual is that.
        """
        usual = {each.name: each.metadata.get("before", each.default) for each in (*_general(self), *_own(self.method))}
        usual |= _usual(self.method, self.encoder)
        held, own = self.settings, [each.name for each in _own(self.method)]
        general = [each.name for each in _general(self) if each.name not in ("method", "dim", "seed")]
        place = general.index("protocol") + 1  # where version 1 had the methods' settings
        order = [*general[:place], *own, *general[place:]]
        differing = [(name, held[name]) for name in order if held[name] != usual[name]]
        parts = [name if value is True else f"{name}-{value}" for name, value in differing]
        method = self.method.replace(":", "-").replace(".", "-")
        return "-".join([f"{method}-d{self.dim}", *parts]).replace("_", "-")


def own_settings(method: str) -> list[str]:
    """Names of a method's own settings. Raises ValueError where there is no such method."""
    return [each.name for each in _own(method)]


def _objective(method: str) -> Any:
    from pendtrain.objectives import find  # torch takes seconds to import, and --help wants none of it

    return find(method)


def _general(kind: Any) -> list[Field[Any]]:
    return [each for each in fields(kind) if each.name != "own"]


def _own(method: str) -> list[Field[Any]]:
    """Fields of a method's settings. Raises ValueError where one has the name of a general setting, or no default."""
    found = fields(_objective(method).Settings)
    for each in found:
        if each.name in {one.name for one in _general(Recipe)} or not isinstance(
            each.default, bool | int | float | str
        ):
            expected = "a name of its own and a default of type bool, int, float or str"
            raise ValueError(f"method {method} has the setting {each.name}, expected {expected}")
    return list(found)


def _usual(method: str, encoder: str) -> dict[str, Any]:
    return {**_objective(method).usual, **ENCODERS.get(encoder, {})}


def _normalised(field: Field[Any], value: Any) -> Any:
    """The value as the type of the setting's default has it; a whole number will do for a float."""
    kind = type(field.default)
    fits = isinstance(value, int | float) if kind is float else isinstance(value, kind)
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{field.name} is {value!r}, expected {kind.__name__}")
    try:
        return float(value) + 0.0 if kind is float else value  # -0.0 + 0.0 is 0.0
    except OverflowError:
        raise ValueError(f"{field.name} is {value!r}, expected a number that a float can hold") from None


def read_recipe(name: str) -> dict[str, Any]:
    """Settings of a recipe of `RECIPES`, or of a TOML file. Raises ValueError or OSError as `read_toml` does."""
    return dict(RECIPES[name]) if name in RECIPES else read_toml(Path(name))


def read_toml(path: Path) -> dict[str, Any]:
    """Settings from a TOML file, a key each. Raises ValueError where it is none, OSError if unreadable."""
    if not path.exists():
        meant = nearest(str(path), RECIPES) or nearest_path(path)
        raise FileNotFoundError(f"recipe is {path}, expected {', '.join(RECIPES)} or a TOML file; no such file{meant}")
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ValueError(f"{path} is not TOML: {problem}") from None
    for key, value in given.items():
        if isinstance(value, dict | list):
            raise ValueError(f"{path} sets {key} to several values, expected one setting a line")
    return given


def typed(text: str) -> Any:
    """A setting's value as it was typed: true, 12 and .5 of their type, all else a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        pass
    try:
        return float(text)  # .5, 1e3: fine for a person, not for TOML
    except ValueError:
        return text


def to_toml(recipe: Recipe) -> str:
    """The recipe as TOML that `read_toml` reads back."""
    texts = {
        name: str(value).lower() if isinstance(value, bool) else repr(value) for name, value in recipe.settings.items()
    }
    return "".join(f"{name} = {text}\n" for name, text in texts.items()).replace("'", '"')


def differences(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """`key: held, wanted` for every setting in which two recipes (as mappings) differ."""
    keys = sorted(held.keys() | wanted.keys())
    return [f"{key} {held.get(key)}, expected {wanted.get(key)}" for key in keys if held.get(key) != wanted.get(key)]


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Rate of step `step` (from 0): linear warm-up to the peak, then half a cosine down to 0."""
    total = recipe.epochs * steps_per_epoch
    warmup = min(recipe.warmup_epochs * steps_per_epoch, total // 2)
    peak = recipe.learning_rate * recipe.batch / 256
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / (total - warmup)))
