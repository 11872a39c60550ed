"""Every setting of a training run in one frozen dataclass, with Fig. 16 of the paper as defaults.

Protocols: `paper` as the text says; `original` as the authors' program did where that differs: pairs are
drawn with replacement, so both views may be one image, and supervised training sees the first view only.

The recipe may grow. A setting that is added later is declared with the value that reproduces the runs from before
it existed, `field(default=…, metadata={"before": …})`: `Recipe.read` fills it in, and a label leaves it out, so
that those runs keep their directory whatever the default becomes.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

# Where each method's objective is; a new one is a function anywhere and its line here.
METHODS = {
    "contrastive": "pendtrain.objectives:contrastive",
    "supervised": "pendtrain.objectives:supervised",
}
PROTOCOLS = ("paper", "original")
SIMILARITIES = ("euclidean", "cosine")
LOSSES = ("mse", "l1", "spearman")
# Settings that only one method looks at.
ONLY_FOR = {"similarity": "contrastive", "temperature": "contrastive", "decoupled": "contrastive", "loss": "supervised"}


@dataclass(frozen=True)
class Recipe:
    """The scientific settings of a run: equal recipes on equal data are the same experiment.

    Numbers are normalised, so that 1 and 1.0, or 0.0 and -0.0, are one temperature. Raises ValueError on
    construction, naming the setting, its value and what was expected.
    """

    method: str = "contrastive"
    dim: int = 1
    """Outputs of the encoder."""
    seed: int = 0
    """Draws the initial weights, the order of pendulums and the pairs."""
    epochs: int = 100
    """Every epoch shows each pendulum once, as one pair of images."""
    batch: int = 512
    """Pendulums a step, so twice as many images; the sum over all processes."""
    protocol: str = "paper"
    similarity: str = "euclidean"
    """Of contrastive training: −‖x − y‖², or the cosine of x and y (Fig. 15)."""
    temperature: float = 0.1
    """τ of InfoNCE: a squared embedding distance, or a cosine."""
    decoupled: bool = False
    """Leave the positive pair out of the denominator, as the paper's formula does."""
    loss: str = "mse"
    """Of supervised training: mse, l1, or spearman (a differentiable rank correlation; App. A.1)."""
    learning_rate: float = 0.02
    """Peak rate per 256 pendulums of batch (linear scaling, Goyal et al. 2017): .04 at batch 512."""
    warmup_epochs: int = 5
    """Linear warm-up; at most half of the run where that is shorter."""
    momentum: float = 0.9
    weight_decay: float = 1e-3
    """On all parameters, as the authors did."""
    clip_norm: float = 3.0
    """Largest norm of the whole gradient."""

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _normalised(field, getattr(self, field.name)))
        checks = (
            ("method", self.method in METHODS, " or ".join(METHODS)),
            ("dim", 1 <= self.dim <= 4096, "1 to 4096"),
            ("seed", 0 <= self.seed < 2**63, "0 to 2^63 - 1"),
            ("epochs", 1 <= self.epochs <= 10**6, "1 to 1,000,000"),
            ("batch", 2 <= self.batch <= 10**6, "2 to 1,000,000 (a pair needs another to differ from)"),
            ("protocol", self.protocol in PROTOCOLS, " or ".join(PROTOCOLS)),
            ("similarity", self.similarity in SIMILARITIES, " or ".join(SIMILARITIES)),
            ("temperature", 0 < self.temperature < math.inf, "above 0"),
            ("loss", self.loss in LOSSES, ", ".join(LOSSES)),
            ("learning_rate", 0 < self.learning_rate < math.inf, "above 0"),
            ("warmup_epochs", 0 <= self.warmup_epochs <= 10**6, "0 or more"),
            ("momentum", 0 <= self.momentum < 1, "0 to below 1"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "0 or more"),
            ("clip_norm", self.clip_norm > 0, "above 0"),
            ("dim", self.similarity != "cosine" or self.dim >= 2, "2 or more with similarity cosine"),
        )
        for name, ok, expected in checks:
            if not ok:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {expected}")
        unset = {field.name: (field.default, field.metadata.get("before", field.default)) for field in fields(self)}
        for name, method in ONLY_FOR.items():
            if method != self.method and getattr(self, name) not in unset[name]:
                raise ValueError(f"{name} is {getattr(self, name)}, which only {method} training looks at")

    @classmethod
    def read(cls, recorded: Mapping[str, Any]) -> Self:
        """The recipe of a run from the settings it recorded, whichever version of this program wrote them.

        Settings that did not exist then get the value that reproduces the run. Raises ValueError where a setting is
        unknown, which only a newer version can have written, or missing though every version had it.
        """
        known = {field.name: field for field in fields(cls)}
        unknown = [name for name in recorded if name not in known]
        if unknown:
            raise ValueError(f"recipe sets {unknown[0]}, which this version does not know; the run is of a newer one")
        older = {name: field.metadata["before"] for name, field in known.items() if "before" in field.metadata}
        missing = [name for name in known if name not in recorded and name not in older]
        if missing:
            raise ValueError(f"recipe lacks {missing[0]}, expected {', '.join(known)}")
        return cls(**{**older, **recorded})

    @property
    def label(self) -> str:
        """Directory name of the method: `contrastive-d1`, then whatever differs from the defaults of version 1."""
        shown = [field for field in fields(self) if field.name not in ("method", "dim", "seed")]
        plain = {field.name: field.metadata.get("before", field.default) for field in shown}
        differing = [(name, getattr(self, name)) for name, usual in plain.items() if getattr(self, name) != usual]
        parts = [name if value is True else f"{name}-{value}" for name, value in differing]
        return "-".join([f"{self.method}-d{self.dim}", *parts]).replace("_", "-")


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


def read_toml(path: Path) -> dict[str, Any]:
    """Settings from a TOML file, a key each. Raises ValueError for unknown keys, OSError if unreadable."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ValueError(f"{path} is not TOML: {problem}") from None
    known = [field.name for field in fields(Recipe)]
    for key in given:
        if key not in known:
            raise ValueError(f"{path} sets {key}, expected one of {', '.join(known)}")
    return given


def to_toml(recipe: Recipe) -> str:
    """The recipe as TOML that `read_toml` reads back."""
    texts = {
        name: str(value).lower() if isinstance(value, bool) else repr(value) for name, value in asdict(recipe).items()
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
