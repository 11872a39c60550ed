"""Stage three: what it is worth. Scores saved embeddings beside the ceiling of their own data.

In Python: `write_embeddings` writes those of any encoder as a file to score, `score` scores one file.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pendeval.embedding_file import write_embeddings
    from pendeval.scorecard import Scorecard, score

__version__ = "0.1.0"
__all__ = ["Scorecard", "__version__", "score", "write_embeddings"]


def __getattr__(name: str) -> Any:
    """What is loaded when it is first asked for, so that to import the package takes no time."""
    if name == "write_embeddings":
        from pendeval import embedding_file

        return embedding_file.write_embeddings
    if name in ("Scorecard", "score"):
        from pendeval import scorecard

        return getattr(scorecard, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
