"""A run in one line: what it came to, and whether it is alive."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SILENT = 300.0
"""Seconds without a sign of life: many heartbeats, even of slow steps."""


def line(run: Path, facts: dict[str, Any]) -> str:
    """A run in one line."""
    last, score = last_row(run), last_row(run, "spearman")
    said = f"step {last['step']}, loss {float(last['loss']):.4f}" if last else "no step logged"
    if score:
        said += f", Spearman {float(score['spearman']):.4f} (oracle {float(score['oracle_spearman']):.4f})"
    said += f", {_pulse(facts)}" if facts["status"] == "running" and "heartbeat" in facts else ""
    said += ", nothing learnt: outputs are constant" if facts.get("learning") == "constant" else ""
    return f"{facts['status']:<9} {run}: {said}"


def _pulse(facts: dict[str, Any]) -> str:
    """Whether a run that says it is running still gives signs of life, and since when it does not."""
    age = (datetime.now(UTC) - datetime.fromisoformat(facts["heartbeat"])).total_seconds()
    return f"alive {age:.0f} s ago" if age < SILENT else f"silent for {age / 60:.0f} min: killed? fit goes on"


def last_row(run: Path, having: str = "step") -> dict[str, str] | None:
    """The last row of metrics.csv in which a column is not empty."""
    path = run / "metrics.csv"
    if not path.is_file():
        return None
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row.get(having)]
    except (ValueError, csv.Error) as problem:
        raise ValueError(f"{path} cannot be read: {problem}") from None
    return rows[-1] if rows else None
