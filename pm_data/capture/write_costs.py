"""What a frame costs to write: by the shard writer, and by the bare calls that it could at best be."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from pm_data.bundle.format import ENCODER
from pm_data.bundle.layout import create_run_dir
from pm_data.bundle.writer import ShardWriter
from pm_data.frame import Kind, Record
from pm_data.jsonlib import JsonObject

_BATCH = 256
"""Frames a write, about as in a capture of 10,000 frames a second."""

_BATCHES = 64

_Batch = TypeVar("_Batch")


def write_costs(directory: Path, payloads: Sequence[bytes]) -> JsonObject:
    """Write the same frames in each way into files that are removed again; return ns a frame.

    `os_write` is a bare write of each payload, `os_write_batches` of 256 at a time already joined,
    `encode` makes records and index entries of a batch, `writer` is all that a capture does: encode,
    SHA-256, two writes a batch. Each is that of the batch that took least.

    Raises:
        OSError: the disk refused.
    """
    frames = [payloads[number % len(payloads)] for number in range(_BATCH * _BATCHES)]
    records = [
        Record(0, seq, int(Kind.TEXT), 0, 0, 1, seq, seq, payload) for seq, payload in enumerate(frames)
    ]
    cuts = [slice(first, first + _BATCH) for first in range(0, len(frames), _BATCH)]
    batches = [records[cut] for cut in cuts]
    costs: JsonObject = {}
    with TemporaryDirectory(dir=directory, prefix="costs-") as name, ExitStack() as closing:
        path = Path(name)
        each, joined = _open(path / "each", closing), _open(path / "joined", closing)
        costs["os_write"] = _least_ns(lambda parts: _write_each(each, parts), [frames[cut] for cut in cuts])
        costs["os_write_batches"] = _least_ns(
            lambda part: os.write(joined, part), [b"".join(frames[cut]) for cut in cuts]
        )
        costs["encode"] = _least_ns(lambda batch: ENCODER.encode(batch, 0, batch[0].seq, 0), batches)
        run = closing.enter_context(create_run_dir(path, "run"))
        writer = ShardWriter(run, 0)
        closing.callback(writer.close)
        costs["writer"] = _least_ns(writer.append, batches)
    return costs


def _open(path: Path, closing: ExitStack) -> int:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
    closing.callback(os.close, fd)
    return fd


def _write_each(fd: int, parts: Sequence[bytes]) -> None:
    for part in parts:
        os.write(fd, part)


def _least_ns(work: Callable[[_Batch], object], batches: Sequence[_Batch]) -> int:
    """Return the time of the batch that took least, in ns a frame."""
    times = []
    for batch in batches:
        begun = time.perf_counter_ns()
        work(batch)
        times.append(time.perf_counter_ns() - begun)
    return min(times) // _BATCH
