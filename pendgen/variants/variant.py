"""What a variant is asked, and what the plain pendulum answers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

Range = tuple[float, float]
Shift = tuple[tuple[int, int], float]


def require(condition: bool, what: str, value: object, expected: str) -> None:
    """Raise ValueError as one line naming the value and what was expected, unless `condition`."""
    if not condition:
        raise ValueError(f"{what} is {value}, expected {expected}")


@dataclass(frozen=True)
class Variant:
    """One way to make datasets: everything else asks these questions and never which variant it is.

    A variant validates itself on construction and raises ValueError naming the value and what was
    expected. `paper` holds the values of its first parameter that the paper or its records used.
    """

    name: ClassVar[str]
    paper: ClassVar[tuple[float, ...]] = ()
    pixels: ClassVar[int] = 32

    @classmethod
    def create(cls, given: dict[str, Any], protocol: str) -> Self:  # noqa: ARG003 gaps need it
        """The variant from the parameters given; raises ValueError where the first of them is missing."""
        for needed in [field.name for field in fields(cls)][:1]:
            if needed not in given:
                used = ", ".join(f"{value:g}" for value in cls.paper)
                raise ValueError(f"{needed} is not given; variant {cls.name} needs it (the paper used {used})")
        return cls(**given)

    def parameters(self) -> dict[str, Any]:
        """Its own parameters by name."""
        return asdict(self)

    def label(self, protocol: str) -> str:  # noqa: ARG002 gaps need it
        """Directory name: the variant, then its parameter (`cropping-0.75`)."""
        return "-".join([self.name, *(repr(float(value)) for value in self.parameters().values())])

    def check(self, protocol: str) -> None:
        """Raise ValueError where the protocol does not allow its parameters."""

    def canvas(self, size: int, protocol: str) -> tuple[int, int]:  # noqa: ARG002 cropping needs it
        """Side of the canvas drawn on, and the row and column at which the window of `size` pixels starts."""
        return size, 0

    @property
    def gaps(self) -> tuple[Range, ...]:
        """Energies that training leaves out, (low, high), ascending."""
        return ()

    @property
    def angle_noise(self) -> float:
        """Standard deviation of each bob's angle noise, radians."""
        return 0.0

    @property
    def pixel_noise(self) -> float:
        """Strength ε_g of shift, pixel noise and tint, 0 to 1; `render.shifts` and `render.disturb` apply them."""
        return 0.0

    def shift_law(self, protocol: str) -> Sequence[Shift]:  # noqa: ARG002 graphical noise needs it
        """Every (rows, columns) by which a picture may be shifted, with its probability: what the oracle mixes."""
        return [((0, 0), 1.0)]
