"""What a dataset is, as far as an embeddings file says it: its settings, their level, and the data in words.

The attributes `data_*` say it of what was embedded, `train_*` of what the encoder was trained on. None is unknown.
Which files are of the same experiment is for `conditions`.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pendeval.attributes import clean

Range = tuple[float, float]
VARIANTS = ("vanilla", "large", "numerical-noise", "graphical-noise", "gaps", "cropping")
"""In the order of the paper."""
KNOBS = {"numerical-noise": "eps_n", "graphical-noise": "eps_g", "gaps": "alpha_g", "cropping": "alpha_c"}
"""Variant → the parameter it turns on; vanilla and large have none."""
SYMBOLS = {"eps_n": "ε_n", "eps_g": "ε_g", "alpha_g": "α_g", "alpha_c": "α_c"}
USUAL_GAPS = {"paper": 3, "original": 4}
"""Number of gaps by protocol."""
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


def data_of(held: Mapping[str, Any], side: str) -> Data:
    """Settings of one side, "data" or "train", from attributes as `pendeval.attributes` leaves them."""

    def text(name: str) -> str | None:
        value = held.get(f"{side}_{name}")
        return None if value in (None, "") else str(value)

    def real(name: str) -> float | None:
        value = held.get(f"{side}_{name}")
        return None if value is None else float(value)

    def pair(name: str) -> Range | None:
        value = parsed(held, f"{side}_{name}")
        return None if value is None else (float(value[0]), float(value[1]))

    parameters = parsed(held, f"{side}_parameters")
    antialias = held.get(f"{side}_antialias")
    return Data(
        variant=text("variant"),
        parameters=None if parameters is None else canonical(_typed(parameters, text("protocol"))),
        protocol=text("protocol"),
        image_size=whole(held, f"{side}_image_size"),
        bob_size=whole(held, f"{side}_bob_size"),
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
        held["gap"] = pairs(held["gap"])
    return held


def pairs(bands: Any) -> list[list[float]]:
    """Bands of energy as pairs of floats, ascending."""
    return sorted([float(low), float(high)] for low, high in bands)


def refuse_impossible(held: Mapping[str, Any], side: str, data: Data) -> None:
    """Raise ValueError where the parameters of a side are not its variant's, or its gaps not those they give."""
    kinds = _KNOWN_PARAMETERS.get(data.variant or "")
    if not kinds or data.parameters is None:
        return
    if set(json.loads(data.parameters)) not in [set(kind) for kind in kinds]:
        raise ValueError(f"{side}_parameters is {data.parameters}, which variant {data.variant} cannot have")
    gaps = parsed(held, f"{side}_gaps")
    if gaps is None:
        return
    wanted, found = ([edge for band in bands for edge in band] for bands in (_gaps_of(data), sorted(gaps)))
    same = len(wanted) == len(found) and all(abs(a - b) < 1e-6 for a, b in zip(wanted, found, strict=True))
    if not same:
        raise ValueError(f"{side}_gaps is {gaps}, which {side}_parameters {data.parameters} does not give")


def gap_bands(alpha_g: float, num_gaps: int) -> list[Range]:
    """The energies left out of training: `num_gaps` of α_g / num_gaps each between equal seen bands (paper §2.1)."""
    gap, seen = alpha_g / num_gaps, (1.0 - alpha_g) / (num_gaps + 1)
    return [(seen + k * (seen + gap), seen + k * (seen + gap) + gap) for k in range(num_gaps)]


def _gaps_of(data: Data) -> list[Range]:
    given = json.loads(data.parameters or "{}")
    if data.variant != "gaps":
        return []
    if "gap" in given:
        return sorted((float(low), float(high)) for low, high in given["gap"])
    return gap_bands(float(given["alpha_g"]), int(given.get("num_gaps", USUAL_GAPS.get(data.protocol or "paper", 3))))


def canonical(value: Any) -> str:
    """JSON with sorted keys, whole floats and integers told apart by type as they were given."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")


def parsed(held: Mapping[str, Any], name: str) -> Any:
    """An attribute that holds JSON; None where it is absent or empty."""
    text = held.get(name)
    return None if text in (None, "") else json.loads(str(text))


def whole(held: Mapping[str, Any], name: str) -> int | None:
    """An attribute that is a whole number; None where it is absent."""
    value = held.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
