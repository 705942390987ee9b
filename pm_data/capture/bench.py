"""Measure the write path of a capture on this machine: queue, writer thread, sync thread, disk.

Everything between the socket and the disk is what a capture uses. Only the frames
are made up: the embedded venue's, made before the clock starts.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

from pm_data import _fast, clock
from pm_data.bundle.layout import OwnedRunDir, RunDir, create_run_dir, new_run_id
from pm_data.bundle.manifest import CLOSED, ShardSeal, Totals, write_manifest
from pm_data.bundle.writer import Extent, ShardWriter
from pm_data.capture.accounts import Balance, total
from pm_data.capture.fatal import FatalLatch
from pm_data.capture.metrics import Samples, quantiles_ms
from pm_data.capture.provenance import begin_manifest
from pm_data.capture.sync_thread import SyncThread
from pm_data.capture.write_costs import write_costs
from pm_data.capture.writer_thread import WriterThread
from pm_data.config import Config, Resolved
from pm_data.errors import InputOutputError
from pm_data.frame import Control, Record
from pm_data.jsonlib import JsonObject
from pm_data.venue.embedded.generate import GeneratedFrame, generate, listed_markets, new_exchange
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.recordlog import RecordLog
from pm_data.venue.universe import Market, plan_shards

_MARKETS = 200
_DISTINCT_FRAMES = 20_000
"""Frames that are made; more are these again."""

_WAITING_MAX = 16_384
"""At full speed no more frames than these may wait, so that none is dropped and memory stays small."""

_BURST = 256
_PAUSE_SECONDS = 0.001
_JOIN_SECONDS = 600.0
_MAX_SAMPLES = 1_000_000


class _Stopwatch:
    """How long the parts of the write path took, in ns."""

    def __init__(self) -> None:
        self.write = Samples(_MAX_SAMPLES)
        self.fsync = Samples(_MAX_SAMPLES)
        self.received_to_written = Samples(_MAX_SAMPLES)

    def fields(self) -> JsonObject:
        """Return number, quantiles and maximum of each."""
        fields: JsonObject = {}
        for name in ("write", "fsync", "received_to_written"):
            values = getattr(self, name).take()
            fields[f"{name}_count"] = len(values)
            fields |= {f"{name}_{quantile}_ms": value for quantile, value in quantiles_ms(values).items()}
        return fields


class _TimedWriter(ShardWriter):
    def __init__(self, run: RunDir, shard: int, stopwatch: _Stopwatch) -> None:
        super().__init__(run, shard)
        self._stopwatch = stopwatch

    def append(self, records: Sequence[Record]) -> None:
        """Append records and note how long that took."""
        begun = clock.mono_ns()
        super().append(records)
        self._stopwatch.write.add(clock.mono_ns() - begun)

    def sync(self) -> Extent:
        """Force the records to the disk and note how long that took."""
        begun = clock.mono_ns()
        extent = super().sync()
        self._stopwatch.fsync.add(clock.mono_ns() - begun)
        return extent


@dataclass(frozen=True)
class Load:
    """What is written.

    Args:
        rate: frames a second; None for as many as the write path takes.
    """

    frames: int
    rate: int | None = None


def run_bench(resolved: Resolved, load: Load, *, keep: bool) -> JsonObject:
    """Write frames as a capture does, into a run under `data_dir`, and return what was measured.

    Args:
        keep: leave the run, a closed bundle, where it is; else nothing of it remains.

    Raises:
        InputOutputError: the disk refused a write or a sync.
        OSError: the run cannot be begun.
    """
    config = resolved.config
    options = VenueOptions(markets=_MARKETS)
    plan = plan_shards(
        listed_markets(new_exchange(options)), config.ws_shards, config.ws_tokens_per_shard_max
    )
    frames = list(generate(options, min(load.frames, _DISTINCT_FRAMES), plan))
    data_dir = Path(config.data_dir)
    made = [path for path in (data_dir / "runs", data_dir) if not path.exists()]
    run = create_run_dir(data_dir, f"bench-{new_run_id()}")
    try:
        with run:
            measured = _measure(run, resolved, load, plan, frames)
            costs = write_costs(run.path, [frame.payload for frame in frames])
    finally:
        if not keep:
            shutil.rmtree(run.path, ignore_errors=True)
            with contextlib.suppress(OSError):  # somebody else has put something there
                for path in made:
                    path.rmdir()
    return measured | {"ns_per_frame": costs, "run_dir": str(run.path) if keep else None}


class _WritePath:
    """The queue and the threads behind it, from the first frame to the last byte on the disk."""

    def __init__(self, run: RunDir, config: Config) -> None:
        self.stopwatch = stopwatch = _Stopwatch()
        self.log = RecordLog(config.capture_queue_max_frames, config.capture_queue_max_bytes)
        self.latch = FatalLatch()
        self._writer = WriterThread(
            self.log,
            lambda shard: _TimedWriter(run, shard, stopwatch),
            self.latch,
            stopwatch.received_to_written,
            sync_each_batch=config.capture_fsync == "every",
        )
        self._sync: SyncThread | None = None
        if config.capture_fsync == "interval":
            self._sync = SyncThread(self._writer, config.capture_fsync_interval_seconds, self.latch)
        self._begun = time.perf_counter()
        self._written_seconds = self._durable_seconds = 0.0

    def finish(self) -> list[ShardSeal]:
        """Write what waits, end the threads, and return what the shards hold."""
        self.log.close()
        self._writer.join(_JOIN_SECONDS)
        self._written_seconds = time.perf_counter() - self._begun
        if self._sync is not None:
            self._sync.stop(_JOIN_SECONDS)
        seals = self._writer.close_shards()
        self._durable_seconds = time.perf_counter() - self._begun
        return seals

    @property
    def balance(self) -> Balance:
        """The accounts of all shards together."""
        return total(self._writer.balances().values())

    def fields(self) -> JsonObject:
        """Return what was measured."""
        written = self.balance.written
        return {
            "frames": written.frames,
            "bytes": written.bytes,
            "dropped": self.balance.dropped.frames,
            "seconds": round(self._written_seconds, 3),
            "seconds_until_durable": round(self._durable_seconds, 3),
            "frames_per_second": round(written.frames / self._written_seconds),
            "mb_per_second": round(written.bytes / self._written_seconds / 1e6, 3),
            **self.stopwatch.fields(),
        }


def _measure(
    run: OwnedRunDir, resolved: Resolved, load: Load, plan: list[list[Market]], frames: list[GeneratedFrame]
) -> JsonObject:
    metadata = [market.metadata() for markets in plan for market in markets]
    manifest = begin_manifest(run.run_id, "offline", resolved, metadata)
    write_manifest(run, manifest)
    path = _WritePath(run, resolved.config)
    try:
        _open(path.log, plan)
        _feed(path, islice(cycle(frames), load.frames), load.rate)
        for shard in range(len(plan)):
            path.log.control(shard, 0, Control.END, {"reason": "input"})
    finally:
        seals = path.finish()
    if path.latch.fatal is not None:
        raise InputOutputError(f"{run.path}: {path.latch.fatal.message}")
    balance = path.balance
    totals = Totals(balance.received.frames, balance.written.frames, balance.dropped.frames)
    write_manifest(run, replace(manifest, status=CLOSED, shards=seals, totals=totals))
    kind = {
        "core": _fast.CORE,
        "fsync": resolved.config.capture_fsync,
        "rate": load.rate,
        "shards": len(plan),
    }
    return {"ok": True, **kind, **path.fields()}


def _open(log: RecordLog, plan: list[list[Market]]) -> None:
    """Begin each shard as a session does."""
    for shard, markets in enumerate(plan):
        tokens = [asset_id for market in markets for asset_id in market.asset_ids]
        metadata = [market.metadata() for market in markets]
        log.set_tokens(shard, tokens)
        log.control(shard, 0, Control.UNIVERSE, {"markets": metadata, "removed": []})
        log.control(shard, shard + 1, Control.OPENED, {"url": "embedded:1", "attempt": 1})
        log.control(shard, shard + 1, Control.SUBSCRIBED, {"tokens": tokens, "reason": "initial"})


def _feed(path: _WritePath, frames: Iterator[GeneratedFrame], rate: int | None) -> None:
    """Put the frames in the queue, at a rate or as fast as the writer takes them, while the disk does."""
    log = path.log
    begun = time.perf_counter()
    fed = 0
    while path.latch.fatal is None:
        if rate is None:
            due = _BURST if _waiting(log) < _WAITING_MAX else 0
        else:
            due = int((time.perf_counter() - begun) * rate) - fed
        burst = list(islice(frames, due))
        for frame in burst:
            log.frame(
                frame.shard,
                frame.shard + 1,
                frame.payload,
                binary=False,
                mono_ns=clock.mono_ns(),
                wall_ns=clock.wall_ns(),
            )
        fed += len(burst)
        if len(burst) < due:
            return
        if rate is not None or not due:
            time.sleep(_PAUSE_SECONDS)


def _waiting(log: RecordLog) -> int:
    return sum(log.account(shard).queued_frames for shard in log.shards)
