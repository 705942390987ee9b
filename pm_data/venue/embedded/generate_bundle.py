"""The generated frames as a closed bundle, with the records that a capture of them would hold."""

import platform
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pm_data import __version__
from pm_data._fast import CORE
from pm_data.bundle.layout import OwnedRunDir, create_run_dir
from pm_data.bundle.manifest import CLOSED, RUNNING, Manifest, Totals, write_manifest
from pm_data.bundle.writer import ShardWriter
from pm_data.errors import InputOutputError, UsageError
from pm_data.frame import Control, Kind, Record, control_flags, control_payload
from pm_data.jsonlib import JsonObject
from pm_data.venue.embedded.generate import (
    FIRST_MONO_NS,
    epoch_ms,
    generate,
    listed_markets,
    new_exchange,
)
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.universe import Market, plan_shards

_BATCH_RECORDS = 1024


class _Shard:
    """One connection's records on their way to a file."""

    def __init__(self, number: int, writer: ShardWriter, epoch_ns: int) -> None:
        self._number = number
        self._writer = writer
        self._wall_offset_ns = epoch_ns - FIRST_MONO_NS
        self._batch: list[Record] = []
        self._next_seq = 0

    def frame(self, mono_ns: int, payload: bytes) -> None:
        self._add(Kind.TEXT, 0, 0, mono_ns, payload)

    def control(self, control: Control, mono_ns: int, fields: JsonObject) -> None:
        self._add(Kind.CONTROL, control, control_flags(control), mono_ns, control_payload(fields))

    def flush(self) -> None:
        self._writer.append(self._batch)
        self._batch.clear()

    def _add(self, kind: int, control: int, flags: int, mono_ns: int, payload: bytes) -> None:
        wall_ns = self._wall_offset_ns + mono_ns
        conn = self._number + 1
        self._batch.append(
            Record(self._number, self._next_seq, kind, control, flags, conn, mono_ns, wall_ns, payload)
        )
        self._next_seq += 1
        if len(self._batch) >= _BATCH_RECORDS:
            self.flush()


def write_bundle(
    options: VenueOptions, frames: int, run_dir: Path, ws_shards: int, ws_tokens_per_shard_max: int
) -> int:
    """Write a bundle of this many frames, spread over shards as a capture would; return their bytes.

    The `.frames` files depend on the arguments only.

    Raises:
        UsageError: `run_dir` is not DATA_DIR/runs/RUN_ID, or is used already.
        InputOutputError: a file cannot be written.
    """
    if run_dir.parent.name != "runs":
        raise UsageError(f"{run_dir} is not of the form DATA_DIR/runs/RUN_ID")
    plan = plan_shards(listed_markets(new_exchange(options)), ws_shards, ws_tokens_per_shard_max)
    try:
        with create_run_dir(run_dir.parent.parent, run_dir.name) as run:
            return _write(run, options, frames, plan)
    except OSError as error:
        raise InputOutputError(f"{run_dir}: {error.strerror}") from error


def _write(run: OwnedRunDir, options: VenueOptions, frames: int, plan: Sequence[Sequence[Market]]) -> int:
    epoch_ns = epoch_ms(options) * 1_000_000
    manifest = Manifest(
        run_id=run.run_id,
        created_wall_ns_utc=epoch_ns,
        status=RUNNING,
        source="offline",
        package_version=__version__,
        core=CORE,
        python=platform.python_version(),
        platform=platform.platform(),
        config={},
        markets=[market.metadata() for markets in plan for market in markets],
    )
    write_manifest(run, manifest)
    payload_bytes = 0
    with ExitStack() as stack:
        writers = []
        for number in range(len(plan)):
            writer = ShardWriter(run, number)
            stack.callback(writer.close)
            writers.append(writer)
        shards = [_Shard(number, writer, epoch_ns) for number, writer in enumerate(writers)]
        mono_ns = FIRST_MONO_NS - 3 * len(shards)
        for shard, markets in zip(shards, plan, strict=True):
            tokens = [asset_id for market in markets for asset_id in market.asset_ids]
            metadata = [market.metadata() for market in markets]
            shard.control(Control.UNIVERSE, mono_ns, {"markets": metadata, "removed": []})
            shard.control(Control.OPENED, mono_ns + 1, {"url": f"embedded:{options.seed}", "attempt": 1})
            shard.control(Control.SUBSCRIBED, mono_ns + 2, {"tokens": tokens, "reason": "initial"})
            mono_ns += 3
        for mono_ns, number, payload in generate(options, frames, plan):
            shards[number].frame(mono_ns, payload)
            payload_bytes += len(payload)
        for shard in shards:
            mono_ns += 1
            shard.control(Control.END, mono_ns, {"reason": "input"})
            shard.flush()
    seals = [writer.seal() for writer in writers]
    totals = Totals(received=frames, written=frames, dropped=0)
    write_manifest(run, replace(manifest, status=CLOSED, shards=seals, totals=totals))
    return payload_bytes
