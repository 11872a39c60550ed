"""Stage two: what is learnt. Trains encoders, contrastively or supervised, and saves embeddings.

In Python: `ImageDataset` and `PairDataset` for a training loop of one's own, `load_encoder` for the encoder of a run.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pendtrain.datasets import ImageDataset, PairDataset
    from pendtrain.trained import load_encoder

__version__ = "0.1.0"
__all__ = ["ImageDataset", "PairDataset", "__version__", "load_encoder"]


def __getattr__(name: str) -> Any:
    """What is loaded when it is first asked for, so that to import the package takes no time."""
    if name == "load_encoder":
        from pendtrain import trained

        return trained.load_encoder
    if name in ("ImageDataset", "PairDataset"):
        from pendtrain import datasets

        return getattr(datasets, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
