"""How a condition is named: by its settings in words; names of datasets and labels of recipes only on hovering."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from pendeval.page.cells import Cell, Column, Row, as_float, as_text
from pendeval.recipes import encoder_words, method_words
from pendeval.settings import VARIANTS

USUAL_SIZE = "5120 × 20"


def by_paper(rows: Iterable[Row]) -> list[Row]:
    """Rows in the order of the paper's variants, level by level, what departs from it last, methods side by side.

    A column that a table does not have decides nothing; equal rows keep their order.
    """

    def place(row: Row) -> tuple[Any, ...]:
        variant, level = as_text(row.get("variant")), as_float(row.get("level"))
        rank = VARIANTS.index(variant) if variant in VARIANTS else len(VARIANTS)
        keys = (
            "data_words",
            "train_words",
            "split",
            "view",
            "dim",
            "layer",
            "objective",
            "schedule",
            "recipe_protocol",
        )
        texts = [as_text(row.get(key)).replace("test", "") for key in keys]
        return rank, math.isnan(level), 0.0 if math.isnan(level) else level, *texts, as_text(row.get("method"))

    return sorted(rows, key=place)


def encoder(row: Row) -> str:
    """The method, or the label where a trainer names none, and the number of outputs; of a layer, its width as well."""
    return encoder_words(*(as_text(row.get(name)) for name in ("method", "label", "dim", "layer", "recipe")))


def recipe(row: Row) -> str:
    """What of the recipe departs from Fig. 16, and whether it is that of the authors' program."""
    original = "original" if as_text(row["recipe_protocol"]) == "original" else ""
    return _joined([as_text(row.get("objective")), as_text(row["schedule"]) or "Fig. 16", original])


def side(row: Row, which: str) -> tuple[str, str]:
    """Of one side, a or b, of a comparison: its method or label, and what is its own in the settings of the method."""
    name = method_words(as_text(row[f"method_{which}"])) or as_text(row[f"label_{which}"])
    return name, as_text(row[f"objective_{which}"])


def about_data(row: Row) -> str:
    """What else there is to say of the data: where the encoder was trained, and what of them was scored."""
    trained, split, view = (as_text(row[name]) for name in ("train_words", "split", "view"))
    size = _size(row, "pendulums", "images_per_pendulum")
    return _joined(
        [
            f"trained on {trained}" if trained else "",
            f"{split} split" if split not in ("", "test") else "",
            {"all": "", "visible": "both bobs in view"}.get(view, view),
            size if size != USUAL_SIZE else "",
        ]
    )


def about_training(row: Row) -> str:
    """Recipe, amount of training data where it is not the paper's, and precision."""
    size = _size(row, "train_pendulums", "train_images")
    fewer = f"trained with {size}" if size and size != USUAL_SIZE else ""
    return _joined([recipe(row), fewer, as_text(row.get("precision"))])


def described(row: Row) -> str:
    """A run's condition and seed in one line."""
    seed = as_text(row["seed"])
    parts = [as_text(row["data_words"]), about_data(row), encoder(row), about_training(row)]
    return _joined([*parts, f"seed {seed}" if seed else ""])


def _joined(parts: Sequence[str]) -> str:
    return ", ".join(part for part in parts if part)


def _size(row: Row, pendulums: str, images: str) -> str:
    """Pendulums × images of each; "" where that is unknown or every image was scored."""
    sizes = [as_text(row[name]) for name in (pendulums, images)]
    return " × ".join(sizes) if all(sizes) else ""


def _names(row: Row) -> str:
    given = (("dataset", row["dataset"]), ("trained on", row["train_dataset"]), ("condition", row.get("condition")))
    return _joined([f"{what} {as_text(name)}" for what, name in given if as_text(name)])


DATA = Column(
    "Data",
    lambda row: Cell(as_text(row["data_words"]), remark=_names(row), mark=about_data(row)),
    remark="the data embedded, and below what else is to be known; on hovering, names of datasets",
)
ENCODER = Column(
    "Encoder",
    lambda row: Cell(encoder(row), remark=as_text(row.get("label")), mark=about_training(row)),
    remark="method, outputs, recipe (Fig. 16 of the paper, or what departs from it), precision of the training",
)
