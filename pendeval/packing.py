"""Arrays and pictures as JSON holds them, and back again; what comes back is checked before it is believed.

An array is {"dtype", "shape", "scale", "data"}: little-endian bytes in C order as base64, to be multiplied by `scale`.
Pictures are one PNG, side by side, as base64.
"""

import base64
import io
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pendeval.attributes import clean
from pendeval.sample import Sample

MOST_PIXELS = 2**22
_SCALES = {"energy": ("<u2", 1 / 65535), "oracle": ("<u2", 1 / 65535), "angle": ("<i2", np.pi / 32767)}
_SCALES |= {"values": ("<f4", 1.0), "embedding": ("<f4", 1.0), "visible": ("|u1", 1.0)}
Examples = tuple[NDArray[np.uint8], NDArray[np.float64]]


def packed(name: str, column: NDArray[Any]) -> dict[str, Any]:
    """A column of a sample as JSON, with the type and scale its name calls for."""
    dtype, scale = _SCALES[name]
    whole = np.rint(column / scale) if dtype[1] in "iu" else column
    data = np.ascontiguousarray(whole.astype(dtype))
    return {
        "dtype": dtype,
        "shape": list(column.shape),
        "scale": scale,
        "data": base64.b64encode(data.tobytes()).decode(),
    }


def unpacked(name: str, held: Mapping[str, Any]) -> NDArray[np.float64]:
    """The column of a sample in `held`. Raises ValueError where it is none, or holds what is no finite number."""
    dtype, scale = _SCALES[name]
    found = (held["dtype"], held["scale"])
    if found != (dtype, scale):
        raise ValueError(clean(f"{name} has dtype and scale {found}, expected {(dtype, scale)}"))
    column = np.frombuffer(base64.b64decode(held["data"], validate=True), dtype).astype(np.float64)
    if not np.isfinite(column).all():
        raise ValueError(f"{name} holds NaN or infinity, expected finite numbers")
    shape = held["shape"]
    if not isinstance(shape, list) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ValueError(clean(f"{name} has shape {shape!r}, expected whole numbers"))
    return np.asarray((column * scale).reshape(shape), np.float64)


def unpacked_sample(held: Mapping[str, Any]) -> Sample:
    """The sample in `held`, to the bit. Raises ValueError where its columns do not fit each other."""
    columns: dict[str, Any] = {field.name: None for field in fields(Sample)}
    columns |= {name: unpacked(name, column) for name, column in held.items() if name in columns}
    if columns["embedding"] is None:
        columns["embedding"] = columns["values"][:, None]
    columns["embedding"] = columns["embedding"].astype(np.float32)
    if columns["visible"] is not None:
        columns["visible"] = columns["visible"].astype(np.bool_)
    if columns["angle"] is not None:  # the very products that `sample.thin` made
        columns["angle"] = np.rint(columns["angle"] / (np.pi / 32767)) * (np.pi / 32767)
    for name in ("energy", "oracle"):
        if columns[name] is not None:
            columns[name] = np.rint(columns[name] * 65535) / 65535
    images = (len(columns["energy"]),)
    wanted: dict[str, tuple[int, ...]] = {"energy": images, "values": images, "oracle": images}
    wanted |= {"angle": (*images, 2), "visible": (*images, 2), "embedding": (*images, columns["embedding"].shape[1])}
    for name, column in columns.items():
        if column is not None and (column.shape != wanted[name] or not column.size):
            raise ValueError(f"{name} of the sample has shape {column.shape}, expected {wanted[name]}")
    return Sample(**columns)


def png_of(images: NDArray[np.uint8]) -> bytes:
    """Pictures (K, S, S, 3) side by side as a PNG."""
    content = io.BytesIO()
    Image.fromarray(np.concatenate(list(images), axis=1)).save(content, "PNG", optimize=True)
    return content.getvalue()


def packed_examples(images: NDArray[np.uint8], energy: NDArray[np.float64]) -> dict[str, Any]:
    """Pictures (K, S, S, 3) and their energies (K,) as JSON, energies to six decimals."""
    png = base64.b64encode(png_of(images)).decode("ascii")
    return {"energy": [round(float(one), 6) for one in energy], "png": png}


def unpacked_examples(held: Mapping[str, Any]) -> Examples:
    """Pictures and energies in `held`. Raises ValueError where they are none, before anything large is decoded."""
    energy = np.array(held["energy"], np.float64)
    content = base64.b64decode(held["png"], validate=True)
    width, height = _size_of(content)
    if energy.ndim != 1 or not height or width != len(energy) * height or not np.isfinite(energy).all():
        raise ValueError(f"examples are {width} × {height} pixels, expected {energy.size} square pictures side by side")
    if width * height > MOST_PIXELS:
        raise ValueError(f"examples are {width} × {height} pixels, expected fewer than {MOST_PIXELS} in all")
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            strip = np.asarray(picture.convert("RGB"), np.uint8)
    except Exception as problem:  # a picture can be broken in many ways
        raise ValueError(clean(f"examples are no picture: {problem!r}")) from None
    return np.stack(np.split(strip, len(energy), axis=1)), energy


def _size_of(png: bytes) -> tuple[int, int]:
    """Width and height that the head of a PNG declares, before anything is decoded."""
    if len(png) < 24 or png[:8] != b"\x89PNG\r\n\x1a\n" or png[12:16] != b"IHDR":
        raise ValueError("examples are no picture, expected a PNG")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def is_number(value: Any) -> bool:
    """Whether a value is a number whose square a float can hold."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e100
