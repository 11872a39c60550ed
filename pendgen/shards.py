"""Shard files, HDF5 or WebDataset tar: written whole or not at all, read a few records at a time."""

import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pendgen import hdf5
from pendgen.format import FIELDS, FORMAT, FORMAT_VERSION, Field, Records, record_hashes

SUFFIXES = {"hdf5": "h5", "webdataset": "tar"}
_READ_BYTES = 16 * 2**20
UNREADABLE: tuple[type[Exception], ...] = (OSError, LookupError, TypeError, ValueError, EOFError, RuntimeError)
UNREADABLE += (MemoryError, ArithmeticError, SyntaxError, TokenError)
"""Whatever the bytes of a damaged file lead h5py, NumPy, json and zlib to."""


class Tally:
    """Passes records through, keeping their hashes per field."""

    def __init__(self, parts: Iterable[Records]) -> None:
        self.parts = parts
        self.hashes = {field.name: b"" for field in FIELDS}

    def __iter__(self) -> Iterator[Records]:
        for part in self.parts:
            for name, digests in record_hashes(part).items():
                self.hashes[name] += digests
            yield part


def write_shard(
    path: Path, parts: Iterable[Records], records: int, attributes: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Write one shard atomically, in the container its suffix names. Equal records, equal bytes.

    `parts` are consecutive records, `records` in all. Returns `bytes` and `sha256` of the file, and the
    record hashes per field. Raises OSError where it cannot be written, and then leaves nothing.
    """
    write: Callable[..., None] = _write_hdf5 if path.suffix == ".h5" else _write_tar
    temporary = path.with_name(f".{path.name}.tmp")
    tally = Tally(parts)
    try:
        write(temporary, tally, records, attributes)
        digest = file_sha256(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        size = temporary.stat().st_size
        os.replace(temporary, path)
    except (OSError, RuntimeError) as problem:  # h5py raises the latter where closing a file fails
        number = getattr(problem, "errno", None)
        reason = os.strerror(number) if number else str(problem).partition("\n")[0]
        raise OSError(f"cannot write {path}: {reason}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return {"bytes": size, "sha256": digest}, tally.hashes


def read_shard(
    path: Path, fields: Iterable[str] | None = None, rows: Sequence[int] | None = None
) -> Iterator[dict[str, NDArray[Any]]]:
    """The records of a shard in order, a few at a time: all fields or some, all records or ascending `rows`.

    Raises ValueError naming the shard where it cannot be read or lacks a field.
    """
    wanted = [field for field in FIELDS if fields is None or field.name in fields]
    try:
        yield from (_read_hdf5 if path.suffix == ".h5" else _read_tar)(path, wanted, rows)
    except UNREADABLE as problem:
        raise ValueError(f"shard {path} cannot be read: {reason(problem)}") from None
    except tarfile.TarError as problem:  # to whose arguments webdataset has added its file
        raise ValueError(f"shard {path} cannot be read: {str(problem.args[0]).partition(' @ ')[0]}") from None


def reason(problem: BaseException) -> str:
    """What went wrong in reading a file, in one line: libraries say it in several, or not at all."""
    if "unable to lock file" in str(problem):
        return "another program is writing to it"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return (str(problem).splitlines() or [type(problem).__name__])[0]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_hdf5(path: Path, parts: Iterable[Records], records: int, attributes: Mapping[str, Any]) -> None:
    """Images are chunked by pendulum under gzip level 1, which shrinks clean pictures about 50-fold.

    The file is put together in memory and written at once: HDF5 itself, when a disk fills up under it,
    can neither close the file nor end without crashing the process.
    """
    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        for key, value in {"format": FORMAT, "format_version": FORMAT_VERSION, **attributes}.items():
            file.attrs[key] = value if isinstance(value, str | int | float) else json.dumps(value)
        images: h5py.Dataset | None = None
        others: dict[str, list[NDArray[Any]]] = {field.name: [] for field in FIELDS if field.name != "image"}
        done = 0
        for part in parts:
            if images is None:
                images = _column(file, FIELDS[0], (records, *part["image"].shape[1:]), compressed=True)
            _write_chunks(images, part["image"], done)
            done += len(part["image"])
            for name, gathered in others.items():
                gathered.append(part[name])
        for field in FIELDS[1:]:
            data = np.concatenate(others[field.name])
            _column(file, field, data.shape, compressed=False)[...] = data
        file.flush()
        path.write_bytes(file.id.get_file_image())


def _write_chunks(column: h5py.Dataset, data: NDArray[np.uint8], start: int) -> None:
    """Write one chunk a record, deflated here: unlike h5py, zlib lets other threads run meanwhile."""
    for number, record in enumerate(np.ascontiguousarray(data), start):
        column.id.write_direct_chunk((number, *[0] * record.ndim), zlib.compress(record.data, 1))


def _column(file: h5py.File, field: Field, shape: tuple[int, ...], compressed: bool) -> h5py.Dataset:
    options: dict[str, Any] = {"chunks": (1, *shape[1:]), "compression": 1} if compressed else {}
    column = file.create_dataset(field.name, shape, np.dtype(field.dtype), track_times=False, **options)
    column.attrs["unit"], column.attrs["meaning"] = field.unit, field.meaning
    return column


def _read_hdf5(path: Path, fields: list[Field], rows: Sequence[int] | None) -> Iterator[dict[str, NDArray[Any]]]:
    with h5py.File(path, "r") as file:
        columns = {field.name: hdf5.column(file, field.name, len(field.axes.split())) for field in fields}
        records = len(next(iter(columns.values())))
        if any(len(each) != records for each in columns.values()):
            raise ValueError(f"its fields have {sorted({len(each) for each in columns.values()})} records")
        per_record = sum(each.nbytes for each in columns.values()) // max(1, records)
        step = max(1, _READ_BYTES // max(1, per_record))
        starts = range(0, records, step) if rows is None else rows
        length = step if rows is None else 1
        for start in starts:
            yield {name: each[start : start + length] for name, each in columns.items()}


def _write_tar(path: Path, parts: Iterable[Records], _records: int, attributes: Mapping[str, Any]) -> None:
    """Two members a record, `<key>.image.npy` and `<key>.json`, nothing of the machine in their headers."""
    from webdataset import TarWriter  # here alone, since it imports torch: seconds, which HDF5 need not wait

    others = [field.name for field in FIELDS if field.name != "image"]
    with open(path, "wb") as file, TarWriter(file, user="", group="", mode=0o644, mtime=0, encoder=False) as tar:
        for part in parts:
            for number, index in enumerate(part["index"]):
                picture = io.BytesIO()
                np.lib.format.write_array(picture, np.ascontiguousarray(part["image"][number]), version=(1, 0))
                # Python prints the shortest decimal that reads back as the same float64: nothing is lost.
                values = {name: part[name][number].tolist() for name in others}
                text = json.dumps(values, separators=(",", ":")).encode()
                key = f"{attributes['split']}-{index:09d}"
                tar.write({"__key__": key, "image.npy": picture.getvalue(), "json": text})


def _read_tar(path: Path, fields: list[Field], rows: Sequence[int] | None) -> Iterator[dict[str, NDArray[Any]]]:
    """Hands webdataset an open file, never the name: one that began with `pipe:` it would run as a command."""
    look_over(path)
    from webdataset.tariterators import group_by_keys, tar_file_expander

    wanted = None if rows is None else set(rows)
    gathered: list[dict[str, Any]] = []
    size = 0
    with open(path, "rb") as file:
        for number, record in enumerate(group_by_keys(tar_file_expander([{"url": path.name, "stream": file}]))):
            if wanted is not None and number not in wanted:
                continue
            image = np.lib.format.read_array(io.BytesIO(record["image.npy"]), allow_pickle=False)
            gathered.append({**json.loads(record["json"]), "image": image})
            size += image.nbytes
            if size > _READ_BYTES:
                yield _stack(gathered, fields)
                gathered, size = [], 0
    if gathered:
        yield _stack(gathered, fields)


def look_over(path: Path) -> None:
    """Raise ValueError where a tar is not picture and labels of one record after another, all inside the file.

    webdataset would unpack a compressed archive to any size, and take members in whatever order they come.
    """
    size, number, key = path.stat().st_size, 0, ""
    with tarfile.open(path, mode="r:") as members:
        for number, member in enumerate(members, start=1):
            stem = member.name.partition(".")[0]
            expected = f"{key}.json" if number % 2 == 0 else f"{stem}.image.npy"
            if not member.isreg() or member.issparse() or "/" in stem or member.name != expected:
                raise ValueError(f"member {number} is {member.name!r:.80}, expected the plain file {expected!r:.80}")
            if member.offset_data + member.size > size:
                raise ValueError(f"member {member.name!r:.80} claims {member.size} bytes of a file of {size}")
            key = stem
    if number % 2:
        raise ValueError(f"member {key}.json is missing")


def _stack(rows: list[dict[str, Any]], fields: list[Field]) -> dict[str, NDArray[Any]]:
    return {field.name: np.array([row[field.name] for row in rows], np.dtype(field.dtype)) for field in fields}
