"""Write a bundle from recorded frames; the same input gives the same `.frames` bytes."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pm_data import clock
from pm_data.bundle.format import MAX_PAYLOAD
from pm_data.bundle.layout import OwnedRunDir, create_run_dir, new_run_id
from pm_data.bundle.manifest import CLOSED, FATAL, Manifest, ShardSeal, Totals, write_manifest
from pm_data.bundle.writer import ShardWriter
from pm_data.capture.beginning import begin_bundle
from pm_data.capture.fatal import Cause, Fatal, Reserve
from pm_data.capture.fixtures import RecordedFrame, list_fixtures, read_fixture
from pm_data.capture.provenance import begin_manifest
from pm_data.capture.universe_file import read_universe
from pm_data.config import Resolved
from pm_data.errors import FatalCaptureError, UsageError
from pm_data.frame import Control, Kind, Record, control_flags, control_payload
from pm_data.jsonlib import JsonObject

STEP_NS = 1_000
"""Between two frames without stamps: 1 µs."""

_BATCH_BYTES = 1024 * 1024
_MAX_INT64 = 2**63 - 1
_OPENING_AND_END = 2


def capture_offline(
    resolved: Resolved, fixtures_dir: Path, run_id: str | None, universe: Path | None = None
) -> JsonObject:
    """Write the recorded frames of a directory as one closed run, one shard a file in name order.

    Args:
        run_id: None for a new one.
        universe: a file of markets, which each shard's universe record lists; None for no markets.

    Returns:
        What the command prints: `ok`, `run_id`, `run_dir`, `status`, `received`, `written`, `dropped`.

    Raises:
        UsageError: the directory has nothing to read, the run id is used already, or the file
            of markets holds none, or too many for a record.
        FatalCaptureError: a file cannot be read to its end, or the run cannot be written to its end.
        OSError: the run directory cannot be made.
    """
    paths = list_fixtures(fixtures_dir)
    markets = [] if universe is None else read_universe(universe)
    opening = {"markets": markets, "removed": []}
    if len(control_payload(opening)) > MAX_PAYLOAD:
        raise UsageError(f"{universe} lists {len(markets)} markets, more than one record holds")
    with create_run_dir(Path(resolved.config.data_dir), run_id or new_run_id()) as run:
        manifest = begin_manifest(run.run_id, "offline", resolved, markets)
        reserve = begin_bundle(run, manifest)
        try:
            seals = _write_shards(run, paths, opening)
            frames = sum(seal.records - _OPENING_AND_END for seal in seals)
            totals = Totals(received=frames, written=frames, dropped=0)
            write_manifest(run, replace(manifest, status=CLOSED, shards=seals, totals=totals))
        except (FatalCaptureError, OSError) as error:
            _end_fatally(run, manifest, reserve, error)
            raise FatalCaptureError(f"{error}; {run.path} ended fatally") from error
        reserve.release()
    return {
        "ok": True,
        "run_id": run.run_id,
        "run_dir": str(run.path),
        "status": CLOSED,
        "received": frames,
        "written": frames,
        "dropped": 0,
    }


def _end_fatally(run: OwnedRunDir, manifest: Manifest, reserve: Reserve, error: Exception) -> None:
    cause = Cause.INPUT if isinstance(error, FatalCaptureError) else Cause.WRITE_ERROR
    fatal = Fatal(cause, str(error), None, clock.mono_ns(), clock.wall_ns())
    # A disk that refused the records may refuse these too; what is reported then is the first refusal.
    with contextlib.suppress(OSError):
        reserve.become_fatal_json(fatal)
    with contextlib.suppress(OSError):
        write_manifest(run, replace(manifest, status=FATAL))


def _write_shards(run: OwnedRunDir, paths: list[Path], opening: JsonObject) -> list[ShardSeal]:
    seals = []
    previous_ns = None
    for shard, path in enumerate(paths):
        writer = ShardWriter(run, shard)
        try:
            for batch in _batches(_records(shard, read_fixture(path), previous_ns, opening)):
                writer.append(batch)
        finally:
            writer.close()
        seals.append(writer.seal())
        if seals[-1].records > _OPENING_AND_END:
            previous_ns = batch[-1].rx_mono_ns
    return seals


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    """Yield the records in lists of about a megabyte; what came before an error is yielded first."""
    batch: list[Record] = []
    size = 0
    try:
        for record in records:
            batch.append(record)
            size += len(record.payload)
            if size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except FatalCaptureError:
        yield batch
        raise
    yield batch


def _records(
    shard: int, frames: Iterator[RecordedFrame], previous_ns: int | None, opening: JsonObject
) -> Iterator[Record]:
    """Yield the records of one file: a universe record, its frames, and the end.

    Args:
        previous_ns: stamp of the run's last frame so far; None where there is none.
        opening: what the universe record holds.
    """
    seq = 0
    stamp_ns = 0 if previous_ns is None else previous_ns
    try:
        for frame in frames:
            stamp_ns = _stamp_ns(frame, previous_ns, seq == 0)
            if seq == 0:
                yield _control(shard, 0, Control.UNIVERSE, stamp_ns, opening)
                seq = 1
            yield Record(shard, seq, Kind.TEXT, 0, 0, shard + 1, stamp_ns, stamp_ns, frame.payload)
            seq += 1
            previous_ns = stamp_ns
    except FatalCaptureError:
        yield from _end(shard, seq, stamp_ns, "fatal", opening)
        raise
    yield from _end(shard, seq, stamp_ns, "input", opening)


def _stamp_ns(frame: RecordedFrame, previous_ns: int | None, is_first: bool) -> int:
    """Return a frame's stamp: its own, raised where a file does not grow, or 1 µs after the frame before."""
    if frame.stamp_ns is None:
        stamp_ns = 0 if previous_ns is None else previous_ns + STEP_NS
    elif is_first or previous_ns is None:
        stamp_ns = frame.stamp_ns
    else:
        stamp_ns = max(frame.stamp_ns, previous_ns + 1)
    if stamp_ns > _MAX_INT64:
        raise FatalCaptureError(f"a frame's stamp would be {stamp_ns} ns, which no int64 holds")
    return stamp_ns


def _end(shard: int, seq: int, stamp_ns: int, reason: str, opening: JsonObject) -> Iterator[Record]:
    if seq == 0:
        yield _control(shard, 0, Control.UNIVERSE, stamp_ns, opening)
        seq = 1
    yield _control(shard, seq, Control.END, stamp_ns, {"reason": reason})


def _control(shard: int, seq: int, control: Control, stamp_ns: int, fields: JsonObject) -> Record:
    flags = control_flags(control)
    return Record(shard, seq, Kind.CONTROL, control, flags, 0, stamp_ns, stamp_ns, control_payload(fields))
