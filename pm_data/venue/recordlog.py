"""The one ordered queue between the session and whoever consumes its records.

One thread, the session's, puts frames and control records in; one other thread
takes them out. A record is stamped, numbered and appended in one step under the
lock, so order, numbers and accounts can never disagree (SPEC 12, rule A1).
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pm_data import clock
from pm_data._fast import intake
from pm_data.frame import Control, Kind, Record, control_flags, control_payload
from pm_data.jsonlib import JsonObject

_TEXT = int(Kind.TEXT)
_BINARY = int(Kind.BINARY)
_DELAYS_KEPT = 1024


class Account(NamedTuple):
    """What happened to one shard's frames up to one moment.

    `received = taken by the consumer + queued + dropped` holds exactly, in frames
    and in bytes of payload. Control records are not counted.

    Args:
        queued_oldest_mono_ns: stamp of the first frame that waits; None where none does.
    """

    received_frames: int
    received_bytes: int
    dropped_frames: int
    dropped_bytes: int
    queued_frames: int
    queued_bytes: int
    queued_oldest_mono_ns: int | None


@dataclass(slots=True)
class _DropRun:
    conn: int
    tokens: tuple[str, ...]
    first_mono_ns: int
    last_mono_ns: int
    frames: int = 0
    bytes: int = 0


@dataclass(slots=True)
class _Shard:
    tokens: tuple[str, ...] = ()
    next_seq: int = 0
    received_frames: int = 0
    received_bytes: int = 0
    dropped_frames: int = 0
    dropped_bytes: int = 0
    queued_frames: int = 0
    queued_bytes: int = 0
    oldest_mono_ns: int = 0
    drops: _DropRun | None = None


@dataclass(slots=True)
class Part:
    """The stream from one cut to the next, each for a consumer and a bundle of its own.

    Args:
        begin_mono_ns: stamp of the cut before it, `begin_wall_ns_utc` alike; 0 of the first.
        shards: accounts and numbers, from 0 in each part; the log's own.
        rest: what nobody had taken when the part ended; None before.
    """

    begin_mono_ns: int = 0
    begin_wall_ns_utc: int = 0
    shards: dict[int, _Shard] = field(default_factory=dict)
    rest: list[Record] | None = None


class RecordLog:
    """A bounded queue of records whose stamps strictly increase over all shards.

    Args:
        max_frames: most frames that may wait; one more is dropped.
        max_bytes: most bytes of their payloads.
        tap: is given each batch that `take` returns, in the thread that takes it; None for nobody.
    """

    def __init__(
        self,
        max_frames: int,
        max_bytes: int,
        mono: Callable[[], int] = clock.mono_ns,
        wall: Callable[[], int] = clock.wall_ns,
        tap: Callable[[list[Record]], None] | None = None,
    ) -> None:
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._mono = mono
        self._wall = wall
        self._tap = tap
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._consumer_waits = False
        self._closed = False
        self._queue: list[Record] = []
        self._queued_frames = 0
        self._queued_bytes = 0
        self._last_mono_ns = -1
        self.part = Part()
        """What is appended to now."""
        self._shards = self.part.shards
        self.gaps = 0
        """Gap records so far."""
        self.enqueue_delays_ns: deque[int] = deque(maxlen=_DELAYS_KEPT)
        """Times from the socket read to the queue, of one frame in 256 of each shard."""

    def frames(
        self, shard: int, conn: int, payloads: Sequence[bytes], *, binary: bool, mono_ns: int, wall_ns: int
    ) -> bool:
        """Count and append the frames of one read; False, and nothing done, where `frame` must do it.

        That is where one of them does not fit, or drops are to be named first. Arguments as of `frame`.
        """
        size = sum(map(len, payloads))
        with self._lock:
            state = self._shards.get(shard)
            if state is None or state.drops is not None or not self._fits(len(payloads), size):
                return False
            self._append_frames(shard, state, conn, payloads, size, binary, mono_ns, wall_ns)
        return True

    def frame(
        self, shard: int, conn: int, payload: bytes, *, binary: bool, mono_ns: int, wall_ns: int
    ) -> bool:
        """Count a received frame and append it; False when the bound dropped it.

        `mono_ns` and `wall_ns` are the clocks at the socket read.
        """
        size = len(payload)
        with self._lock:
            state = self._shards.setdefault(shard, _Shard())
            stamp = max(mono_ns, self._last_mono_ns + 1)
            if not self._fits(1, size):
                self._last_mono_ns = stamp
                _drop(state, conn, size, stamp)
                return False
            if state.drops is not None:
                self._append_drop_gap(shard, state, stamp, wall_ns)
            self._append_frames(shard, state, conn, (payload,), size, binary, mono_ns, wall_ns)
        return True

    def control(self, shard: int, conn: int, control: Control, fields: JsonObject) -> None:
        """Append a control record, stamped from the clock. Control records are never dropped."""
        payload = control_payload(fields)
        with self._lock:
            state = self._shards.setdefault(shard, _Shard())
            stamp = max(self._mono(), self._last_mono_ns + 1)
            wall_ns = self._wall()
            if state.drops is not None:
                self._append_drop_gap(shard, state, stamp, wall_ns)
                stamp += 1
            self._append_control(shard, state, conn, control, payload, stamp, wall_ns)

    def set_tokens(self, shard: int, asset_ids: Sequence[str]) -> None:
        """Say which tokens a drop on this shard makes suspect from now on."""
        with self._lock:
            self._shards.setdefault(shard, _Shard()).tokens = tuple(asset_ids)

    def cut(self, following: Part) -> None:
        """End the part with an END record in each shard; what comes from now on belongs to `following`.

        Call it in the thread that appends, so that no step of its is cut in two.
        """
        payload = control_payload({"reason": "rotation"})
        with self._lock:
            self._tell_drops()
            for shard, state in self._shards.items():
                if state.next_seq:  # else it would begin with its end
                    stamp = max(self._mono(), self._last_mono_ns + 1)
                    self._append_control(shard, state, 0, Control.END, payload, stamp, self._wall())
                following.shards[shard] = _Shard(tokens=state.tokens)
            self._last_mono_ns = max(self._mono(), self._last_mono_ns + 1)
            following.begin_mono_ns, following.begin_wall_ns_utc = self._last_mono_ns, self._wall()
            self.part.rest, self._queue = self._queue, []
            self.part, self._shards = following, following.shards
            self._wake()

    def take(self, timeout_seconds: float, part: Part | None = None) -> list[Record] | None:
        """Return all records that wait, in order: empty after the timeout, None when nothing follows.

        Args:
            part: the part to take from, not before the one before it is taken to its end; None for
                a log that is never cut.
        """
        part = part or self.part
        with self._lock:
            if not self._queue and not self._closed and part.rest is None:
                self._consumer_waits = True
                self._filled.wait(timeout_seconds)
                self._consumer_waits = False
            if part.rest is not None:
                batch, part.rest = part.rest, []
            else:
                batch, self._queue = self._queue, []
            if not batch and (self._closed or part.rest is not None):
                return None
            for state in part.shards.values():
                self._queued_frames -= state.queued_frames
                self._queued_bytes -= state.queued_bytes
                state.queued_frames = 0
                state.queued_bytes = 0
        if self._tap is not None:
            self._tap(batch)
        return batch

    def close(self) -> None:
        """Say that nothing follows; drops that no record of their shard has named yet get theirs now."""
        with self._lock:
            self._tell_drops()
            self._closed = True
            self._wake()

    @property
    def shards(self) -> list[int]:
        """Return the shards that have had a record, in order."""
        return self.shards_of(self.part)

    def shards_of(self, part: Part) -> list[int]:
        """Return the shards of a part, in order."""
        with self._lock:
            return sorted(part.shards)

    def account(self, shard: int, part: Part | None = None) -> Account:
        """Return a shard's account as of now, in one part; None for what is appended to now."""
        with self._lock:
            state = (part or self.part).shards.get(shard) or _Shard()
            return Account(
                state.received_frames,
                state.received_bytes,
                state.dropped_frames,
                state.dropped_bytes,
                state.queued_frames,
                state.queued_bytes,
                state.oldest_mono_ns if state.queued_frames else None,
            )

    def _fits(self, frames: int, size: int) -> bool:
        return (
            self._queued_frames + frames <= self._max_frames and self._queued_bytes + size <= self._max_bytes
        )

    def _append_frames(
        self,
        shard: int,
        state: _Shard,
        conn: int,
        payloads: Sequence[bytes],
        size: int,
        binary: bool,
        mono_ns: int,
        wall_ns: int,
    ) -> None:
        stamp = max(mono_ns, self._last_mono_ns + 1)
        kind = _BINARY if binary else _TEXT
        records = intake.frame_records(payloads, shard, state.next_seq, kind, conn, stamp, wall_ns)
        count = len(records)
        # From here to the last count no call: Ctrl-C raises only at one, so all of this is done or none.
        self._queue += records
        self._last_mono_ns = stamp + count - 1
        state.next_seq += count
        state.received_frames += count
        state.received_bytes += size
        if not state.queued_frames:
            state.oldest_mono_ns = stamp
        state.queued_frames += count
        state.queued_bytes += size
        self._queued_frames += count
        self._queued_bytes += size
        if state.received_frames & 0xFF < count:
            self.enqueue_delays_ns.append(self._mono() - mono_ns)
        if self._consumer_waits:
            self._wake()

    def _tell_drops(self) -> None:
        for shard, state in self._shards.items():
            if state.drops is not None:
                stamp = max(self._mono(), self._last_mono_ns + 1)
                self._append_drop_gap(shard, state, stamp, self._wall())

    def _append_drop_gap(self, shard: int, state: _Shard, stamp: int, wall_ns: int) -> None:
        run = state.drops
        assert run is not None
        state.drops = None
        payload = control_payload(
            {
                "cause": "drop",
                "tokens": list(run.tokens),
                "frames": run.frames,
                "bytes": run.bytes,
                "first_mono_ns": run.first_mono_ns,
                "last_mono_ns": run.last_mono_ns,
            }
        )
        self._append_control(shard, state, run.conn, Control.GAP, payload, stamp, wall_ns)

    def _append_control(
        self, shard: int, state: _Shard, conn: int, control: Control, payload: bytes, stamp: int, wall_ns: int
    ) -> None:
        self._queue.append(
            Record(
                shard,
                state.next_seq,
                int(Kind.CONTROL),
                int(control),
                control_flags(control),
                conn,
                stamp,
                wall_ns,
                payload,
            )
        )
        state.next_seq += 1
        self.gaps += control is Control.GAP
        self._last_mono_ns = stamp
        if self._consumer_waits:
            self._wake()

    def _wake(self) -> None:
        self._consumer_waits = False
        self._filled.notify()


def _drop(state: _Shard, conn: int, size: int, stamp: int) -> None:
    state.received_frames += 1
    state.received_bytes += size
    state.dropped_frames += 1
    state.dropped_bytes += size
    run = state.drops
    if run is None:
        # The tokens of the first drop: a change of tokens is a control record, which ends the run.
        run = state.drops = _DropRun(conn, state.tokens, stamp, stamp)
    run.frames += 1
    run.bytes += size
    run.last_mono_ns = stamp
