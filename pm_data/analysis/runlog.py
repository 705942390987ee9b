"""Read `runlog.ndjson` and the metrics beside it, line by line; a stranger's file may hold anything."""

import os
from collections.abc import Iterator
from pathlib import Path

from pm_data import osdep
from pm_data.errors import UsageError
from pm_data.jsonlib import JsonObject, loads_object

MAX_LINE_BYTES = 16 * 1024 * 1024
"""Longest line that is read whole; a heartbeat of a thousand shards is far below."""


def read_lines(path: Path) -> Iterator[JsonObject]:
    """Yield the objects of an NDJSON file of a run, in order; what is no JSON object is left out.

    A process that died may have left half a line at the end.

    Raises:
        UsageError: the file cannot be opened.
        OSError: reading failed.
    """
    try:
        fd = osdep.open_regular(path)
    except OSError as error:
        raise UsageError(f"cannot open {path}: {error.strerror}") from None
    with os.fdopen(fd, "rb") as file:
        while line := file.readline(MAX_LINE_BYTES):
            try:
                yield loads_object(line)
            except ValueError:
                continue


def whole(entry: JsonObject, name: str) -> int:
    """Return a count or a stamp of a line; 0 where the line has none."""
    value = entry.get(name)
    return value if type(value) is int and 0 <= value < 2**63 else 0


def milliseconds(entry: JsonObject, measure: str, quantile: str) -> float | None:
    """Return a quantile of a measure, as `loop_lag_ms` and `p99`; None where the line has none."""
    quantiles = entry.get(measure)
    value = quantiles.get(quantile) if isinstance(quantiles, dict) else None
    return float(value) if isinstance(value, int | float) and 0 <= value < 2**63 else None


def text(entry: JsonObject, name: str) -> str:
    """Return a text of a line; empty where the line has none."""
    value = entry.get(name)
    return value if isinstance(value, str) else ""
