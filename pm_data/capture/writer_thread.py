"""The thread that takes records from the queue and appends them to the shards' files.

It keeps the writer's half of the balance (accounts.py). The account lock is
held while a batch goes from the queue into the writer's hand and while a count
changes, never during a write: whoever asks for the balance waits for no disk.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pm_data import clock
from pm_data._fast import intake
from pm_data.bundle.manifest import ShardSeal
from pm_data.bundle.writer import ShardWriter
from pm_data.capture.accounts import NOTHING, Balance, Count, count_frames
from pm_data.capture.carry import Carry
from pm_data.capture.fatal import LAST_RECORDS, Cause, FatalLatch
from pm_data.capture.metrics import Samples
from pm_data.capture.threads import start_thread
from pm_data.frame import Record
from pm_data.venue.recordlog import Part, RecordLog

SYNC_BYTES = 8 * 1024 * 1024
"""A shard with this much that is not yet forced to the disk is synced before its time (rule D3)."""

_TAKE_SECONDS = 0.02
_GATHER_SECONDS = 0.002
"""Pause between two batches: many frames a write, and well below the 50 ms of rule D2."""

_CARRY_SECONDS = 0.002
"""Time between two batches for the next bundle's books, once they are asked for."""

_PART_RECORDS = 512
_PART_BYTES = 512 * 1024
"""Of one write: small enough that encoding, summing and writing it find it in the processor's cache."""


class Unsynced(NamedTuple):
    """A shard with records that are written and not yet forced to the disk.

    Args:
        written: its frames, and `size` the bytes of its file, when a sync that begins now begins.
    """

    shard: int
    file: ShardWriter
    written: Count
    size: int


class _Shard:
    def __init__(self) -> None:
        self.file: ShardWriter | None = None
        self.in_hand = NOTHING
        self.in_hand_oldest_mono_ns: int | None = None
        self.written = NOTHING
        self.size = 0
        self.durable = NOTHING
        self.durable_size = 0
        self.last: deque[Record] = deque(maxlen=LAST_RECORDS)
        self.opening_records = 0


class WriterThread:
    """Writes every record of the log, or of one part of it, batch by batch, until nothing follows.

    A refused write or sync is fatal: nothing is written after it, on any shard (rule D9).

    Args:
        open_shard: makes a shard's files, called when its first record comes.
        sync_each_batch: force each batch to the disk before it counts as durable.
        latency: gets the age of the oldest record of each write, from receive stamp to written, in ns.
        part: as in `RecordLog.take`.
        carry: follows what is written, for the next part's opening; None where none comes.
        after: the writer of the part before, which ends first; then this one begins with an opening.
        open_first: shards to make the files of at once, so that nobody waits for it later.

    Raises:
        OSError: one of those files cannot be made.
    """

    def __init__(
        self,
        log: RecordLog,
        open_shard: Callable[[int], ShardWriter],
        latch: FatalLatch,
        latency: Samples,
        *,
        sync_each_batch: bool,
        part: Part | None = None,
        carry: Carry | None = None,
        after: "WriterThread | None" = None,
        open_first: Iterable[int] = (),
    ) -> None:
        self._log = log
        self._part = part or log.part
        self._carry = carry
        self._after = after
        self._open_shard = open_shard
        self._latch = latch
        self._latency = latency
        self._sync_each_batch = sync_each_batch
        self.sync_wanted = threading.Event()
        """Set when a shard has more than SYNC_BYTES that are not forced to the disk."""
        self._halted = False
        self._is_done = False
        self._shards: dict[int, _Shard] = {}
        self._lock = threading.Lock()
        # Who asks stands in this gate first, so that the writer, which holds the lock nearly
        # always while it waits for records, cannot take it again before them.
        self._gate = threading.Lock()
        for number in open_first:
            self._shards[number] = shard = _Shard()
            shard.file = open_shard(number)
        self._thread = start_thread("writer", self._work, latch)

    def balances(self) -> dict[int, Balance]:
        """Return every shard's accounts, each of one moment."""
        with self._accounts():
            return {shard: self._balance(shard) for shard in self._log.shards_of(self._part)}

    def unsynced(self) -> list[Unsynced]:
        """Return the shards that a sync would make safer."""
        with self._accounts():
            return [
                Unsynced(number, shard.file, shard.written, shard.size)
                for number, shard in self._shards.items()
                if shard.file is not None and shard.size > shard.durable_size
            ]

    def made_durable(self, synced: Unsynced) -> None:
        """Note that a sync ended which began after this was written."""
        with self._accounts():
            shard = self._shards[synced.shard]
            shard.durable, shard.durable_size = synced.written, synced.size

    def halt(self) -> None:
        """Write nothing more; what is in hand stays queued in the accounts."""
        self._halted = True

    def join(self, timeout_seconds: float | None) -> bool:
        """Wait until all is written or the writer has halted; False when that takes too long."""
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def close_shards(self) -> list[ShardSeal]:
        """Close the files and return what the manifest says of them; only after `join` said True."""
        seals = []
        for number, shard in sorted(self._shards.items()):
            if shard.file is None:
                continue
            try:
                shard.file.close()
            except OSError as error:
                self._latch.set(Cause.SYNC_ERROR, str(error), number)
            else:
                if not self._halted:
                    self.made_durable(Unsynced(number, shard.file, shard.written, shard.size))
            seals.append(shard.file.seal())
        return seals

    def last_records(self) -> dict[int, list[Record]]:
        """Return the last records of each shard that the writer was handed, written or not."""
        with self._accounts():
            return {number: list(shard.last) for number, shard in self._shards.items()}

    @contextmanager
    def _accounts(self) -> Iterator[None]:
        with self._gate, self._lock:
            yield

    def _balance(self, number: int) -> Balance:
        account = self._log.account(number, self._part)
        received = Count(account.received_frames, account.received_bytes)
        dropped = Count(account.dropped_frames, account.dropped_bytes)
        queued = Count(account.queued_frames, account.queued_bytes)
        oldest = account.queued_oldest_mono_ns
        shard = self._shards.get(number)
        if shard is None:
            return Balance(received, NOTHING, dropped, queued, NOTHING, oldest)
        if shard.in_hand.frames:
            oldest = shard.in_hand_oldest_mono_ns
        return Balance(received, shard.written, dropped, queued.plus(shard.in_hand), shard.durable, oldest)

    def _work(self) -> None:
        if self._after is not None:
            self._begin_after(self._after)
            self._after = None
        while not self._halted:
            with self._gate:
                pass
            with self._lock:
                batch = self._log.take(_TAKE_SECONDS, self._part)
                if batch is None:
                    self._is_done = True
                    return
                groups = self._take_in_hand(batch)
            for number, records in groups.items():
                for part in intake.parts(records, _PART_RECORDS, _PART_BYTES):
                    if self._halted or not self._write(number, part):
                        self._halted = True
                        return
            if self._carry is not None:
                self._carry.follow(batch)
                self._carry.work(_CARRY_SECONDS)
            if batch:
                time.sleep(_GATHER_SECONDS)

    def _begin_after(self, before: "WriterThread") -> None:
        """Wait for the end of the part before; then write what stands for everything up to there."""
        before.join(None)
        if self._halted or not before._is_done:
            self._halted = True
            return
        assert self._carry is not None
        batches: defaultdict[int, list[Record]] = defaultdict(list)
        size = 0
        for record in self._carry.opening(self._part.begin_mono_ns, self._part.begin_wall_ns_utc):
            batches[record.shard].append(record)
            size += len(record.payload)
            if size >= _PART_BYTES:
                self._write_opening(batches)
                size = 0
        self._write_opening(batches)

    def _write_opening(self, batches: defaultdict[int, list[Record]]) -> None:
        """Append made records, which no account counts, shard by shard."""
        for number, records in batches.items():
            with self._accounts():
                shard = self._shards.setdefault(number, _Shard())
            if self._halted or not self._write(number, records, made=True):
                self._halted = True
                return
            shard.opening_records += len(records)
        batches.clear()

    def _take_in_hand(self, batch: list[Record]) -> dict[int, list[Record]]:
        groups = intake.by_shard(batch)
        for number, records in groups.items():
            shard = self._shards.get(number)
            if shard is None:
                shard = self._shards[number] = _Shard()
            shard.in_hand = count_frames(records)
            shard.in_hand_oldest_mono_ns = records[0].rx_mono_ns
            if shard.opening_records:
                groups[number] = records = intake.numbered_on(records, shard.opening_records)
            shard.last.extend(records[-LAST_RECORDS:])
        return groups

    def _write(self, number: int, records: list[Record], *, made: bool = False) -> bool:
        """Append records of one shard, received or made by us; False when the disk refused some of them."""
        shard = self._shards[number]
        try:
            if shard.file is None:
                shard.file = self._open_shard(number)
        except OSError as error:
            self._latch.set(Cause.WRITE_ERROR, str(error), number)
            return False
        file = shard.file
        before = file.extent.records
        refused = self._append(file, records)
        now = clock.mono_ns()
        written = NOTHING if made else count_frames(records[: file.extent.records - before])
        with self._lock:
            shard.in_hand = shard.in_hand.minus(written)
            shard.written = shard.written.plus(written)
            shard.size = file.extent.bytes
            if self._sync_each_batch and refused is None:
                shard.durable, shard.durable_size = shard.written, shard.size
        if refused is not None:
            self._latch.set(*refused, number)
            return False
        if not made:
            self._latency.add(now - records[0].rx_mono_ns)
        if shard.size - shard.durable_size > SYNC_BYTES:
            self.sync_wanted.set()
        return True

    def _append(self, file: ShardWriter, records: list[Record]) -> tuple[Cause, str] | None:
        try:
            file.append(records)
        except OSError as error:
            return Cause.WRITE_ERROR, str(error)
        if self._sync_each_batch:
            try:
                file.sync()
            except OSError as error:
                return Cause.SYNC_ERROR, str(error)
        return None
