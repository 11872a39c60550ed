"""The last files of a dataset directory: what it says of itself, and the manifest, without which it is none."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pendgen.card import card
from pendgen.croissant import croissant
from pendgen.directory import exclusively
from pendgen.format import MANIFEST, write_atomically, write_json
from pendgen.manifest import read_manifest


def finish(work: Path, manifest: Mapping[str, Any]) -> None:
    """Write the card, the Croissant description and, last, the manifest."""
    write_atomically(work / "README.md", card(manifest).encode())
    write_atomically(work / "croissant.json", croissant(manifest).encode())
    write_json(work / MANIFEST, manifest)


def choose(target: Path, licence: str | None) -> None:
    """Write the owner's choice of a licence into a finished dataset, unless it says so already; None chooses nothing.

    Shards, content digest and settings stay as they are. The manifest comes last, so that the same choice made again
    completes one that was killed.
    """
    if licence is not None and (manifest := read_manifest(target)).get("license") != licence:
        finish(target, {**manifest, "license": licence})


def put_under(target: Path, licence: str | None) -> None:
    """`choose`, under the lock where there is something to write; ValueError where another process has it."""
    if licence is not None and read_manifest(target).get("license") != licence:
        with exclusively(target):
            choose(target, licence)
