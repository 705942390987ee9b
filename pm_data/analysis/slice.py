"""Cut a part out of a run: a closed bundle that begins with all that was known at the cut."""

import platform
import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain, takewhile
from pathlib import Path

from pm_data import __version__, _fast, clock
from pm_data.analysis.slice_writer import SliceWriter
from pm_data.bundle.damage import Damage
from pm_data.bundle.layout import RunDir, create_run_dir, validate_run_id
from pm_data.bundle.manifest import (
    CLOSED,
    RUNNING,
    Manifest,
    Parent,
    SliceRange,
    read_manifest,
    write_manifest,
)
from pm_data.bundle.opening import Bundle
from pm_data.errors import DamageError, UsageError
from pm_data.frame import Record
from pm_data.state.opening import opening_records
from pm_data.state.run_state import RunState

_MAX_INT64 = 2**63 - 1


@dataclass(frozen=True)
class Span:
    """Where a slice begins and ends, each by time or by number; None where it is not bounded.

    Args:
        first, last, from_ns, to_ns: as in `SliceRange`.
        from_seconds, to_seconds: the same as `from_ns` and `to_ns`, counted from the run's first record.
    """

    first: int | None = None
    last: int | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    from_seconds: float | None = None
    to_seconds: float | None = None

    def range(self, shards: list[int], origin_ns: int) -> SliceRange:
        """Return the range, given the stamp of the run's first record."""
        from_ns, to_ns = self.from_ns, self.to_ns
        if self.from_seconds is not None:
            from_ns = origin_ns + round(self.from_seconds * 1_000_000_000)
        if self.to_seconds is not None:
            to_ns = origin_ns + round(self.to_seconds * 1_000_000_000)
        if to_ns is not None and to_ns > _MAX_INT64:
            to_ns = None
        return SliceRange(shards, self.first, self.last, from_ns, to_ns)


@dataclass(frozen=True)
class Slice:
    """A slice that was made.

    Args:
        tails: torn ends of the parent's shards; what they make suspect is in the slice.
    """

    run: RunDir
    manifest: Manifest
    tails: list[Damage]


def make_slice(bundle: Bundle, span: Span, shards: list[int] | None, data_dir: Path, run_id: str) -> Slice:
    """Write a part of a run as the closed run `data_dir`/runs/`run_id`; read the parent as a replay does.

    Memory does not grow with the run. What was begun and cannot be finished is removed again.

    Args:
        shards: those to take, as if the run had no others; None for all.

    Raises:
        ConfigError: the run id may not be one.
        UsageError: it is used, a shard is not there, or the range holds no record.
        DamageError: the parent is damaged up to the end of the range, its torn tails apart.
        OSError: reading or writing failed.
    """
    validate_run_id(run_id)
    run = RunDir(data_dir / "runs" / run_id)
    if run.path.exists():
        raise UsageError(f"run id {run_id!r} is used already: {run.path} exists")
    chosen = sorted(bundle.sizes) if shards is None else sorted(set(shards))
    for shard in chosen:
        if shard not in bundle.sizes:
            raise UsageError(f"{bundle.run.path} has no shard {shard}")
    tails: list[Damage] = []
    records = bundle.replay_records(tails.append, shards=chosen)
    try:
        _cut(bundle, records, span, chosen, data_dir, run_id)
    except UnicodeEncodeError:
        raise DamageError(f"{bundle.run.path}: a control record holds text that is no Unicode") from None
    return Slice(run, read_manifest(run), tails)


def _cut(
    bundle: Bundle, records: Iterable[Record], span: Span, shards: list[int], data_dir: Path, run_id: str
) -> None:
    """Read up to the cut, then write to the end of the range."""
    state = RunState()
    numbered = enumerate(records)
    first = next(numbered, None)
    wanted = span.range(shards, 0 if first is None else first[1].rx_mono_ns)
    while first is not None and _is_before(wanted, *first):
        state.apply(first[1])
        first = next(numbered, None)
    if first is None or _is_after(wanted, *first):
        raise UsageError(f"{bundle.run.path} has no record in that range")
    taken = takewhile(lambda entry: not _is_after(wanted, *entry), chain([first], numbered))
    assert bundle.manifest is not None  # without one, a replay ends at once
    manifest = _begin_manifest(bundle.manifest, run_id, wanted)
    run = create_run_dir(data_dir, run_id)
    done = False
    try:
        with run:
            _write(run, manifest, state, first[1], (record for _number, record in taken))
        done = True
    finally:
        if not done:
            shutil.rmtree(run.path, ignore_errors=True)


def _write(
    run: RunDir, manifest: Manifest, state: RunState, first: Record, records: Iterable[Record]
) -> None:
    """Write what was known before `first`, then `records`, the first among them, and close the slice."""
    assert manifest.parent is not None
    write_manifest(run, manifest)
    with ExitStack() as closing:
        writer = SliceWriter(run, manifest.parent.range.shards, closing)
        for record in opening_records(state, first.rx_mono_ns, first.rx_wall_ns_utc):
            writer.add_made(record)
        for record in records:
            writer.add(state.explicit(record))
            state.apply(record)
        seals, totals = writer.finish()
    markets = [market for universe in state.universes.values() for market in universe.listed()]
    write_manifest(run, replace(manifest, status=CLOSED, shards=seals, totals=totals, markets=markets))


def _is_before(wanted: SliceRange, number: int, record: Record) -> bool:
    return (wanted.first is not None and number < wanted.first) or (
        wanted.from_ns is not None and record.rx_mono_ns < wanted.from_ns
    )


def _is_after(wanted: SliceRange, number: int, record: Record) -> bool:
    return (wanted.last is not None and number > wanted.last) or (
        wanted.to_ns is not None and record.rx_mono_ns >= wanted.to_ns
    )


def _begin_manifest(parent: Manifest, run_id: str, wanted: SliceRange) -> Manifest:
    """Return a running manifest: the parent's settings, and what writes the slice."""
    return replace(
        parent,
        run_id=run_id,
        created_wall_ns_utc=clock.wall_ns(),
        status=RUNNING,
        package_version=__version__,
        core=_fast.CORE,
        python=platform.python_version(),
        platform=platform.platform(),
        markets=[],
        shards=None,
        totals=None,
        parent=Parent(parent.run_id, parent.digest, wanted),
        previous=None,
        next=None,
        digest="",
    )
