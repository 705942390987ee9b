"""The thread that takes records from the queue and appends them to the shards' files.

It keeps the writer's half of the balance (accounts.py). The account lock is
held while a batch goes from the queue into the writer's hand and while a count
changes, never during a write: whoever asks for the balance waits for no disk.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pm_data import clock
from pm_data.bundle.manifest import ShardSeal
from pm_data.bundle.writer import ShardWriter
from pm_data.capture.accounts import NOTHING, Balance, Count, count_frames
from pm_data.capture.fatal import LAST_RECORDS, Cause, FatalLatch
from pm_data.capture.metrics import Samples
from pm_data.capture.threads import start_thread
from pm_data.frame import Record
from pm_data.venue.recordlog import RecordLog

SYNC_BYTES = 8 * 1024 * 1024
"""A shard with this much that is not yet forced to the disk is synced before its time (rule D3)."""

_TAKE_SECONDS = 0.02
_GATHER_SECONDS = 0.002
"""Pause between two batches: many frames a write, and well below the 50 ms of rule D2."""

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


class WriterThread:
    """Writes every record of the log, batch by batch, until the log is closed and empty.

    A refused write or sync is fatal: nothing is written after it, on any shard (rule D9).

    Args:
        open_shard: makes a shard's files, called when its first record comes.
        sync_each_batch: force each batch to the disk before it counts as durable.
        latency: gets the age of the oldest record of each write, from receive stamp to written, in ns.
    """

    def __init__(
        self,
        log: RecordLog,
        open_shard: Callable[[int], ShardWriter],
        latch: FatalLatch,
        latency: Samples,
        *,
        sync_each_batch: bool,
    ) -> None:
        self._log = log
        self._open_shard = open_shard
        self._latch = latch
        self._latency = latency
        self._sync_each_batch = sync_each_batch
        self.sync_wanted = threading.Event()
        """Set when a shard has more than SYNC_BYTES that are not forced to the disk."""
        self._halted = False
        self._shards: dict[int, _Shard] = {}
        self._lock = threading.Lock()
        # Who asks stands in this gate first, so that the writer, which holds the lock nearly
        # always while it waits for records, cannot take it again before them.
        self._gate = threading.Lock()
        self._thread = start_thread("writer", self._work, latch)

    def balances(self) -> dict[int, Balance]:
        """Return every shard's accounts, each of one moment."""
        with self._accounts():
            return {shard: self._balance(shard) for shard in self._log.shards}

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

    def join(self, timeout_seconds: float) -> bool:
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
        account = self._log.account(number)
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
        while not self._halted:
            with self._gate:
                pass
            with self._lock:
                batch = self._log.take(_TAKE_SECONDS)
                if batch is None:
                    return
                groups = self._take_in_hand(batch)
            for number, records in groups.items():
                for part in _parts(records):
                    if self._halted or not self._write(number, part):
                        self._halted = True
                        return
            if batch:
                time.sleep(_GATHER_SECONDS)

    def _take_in_hand(self, batch: list[Record]) -> dict[int, list[Record]]:
        groups: dict[int, list[Record]] = {}
        for record in batch:
            groups.setdefault(record.shard, []).append(record)
        for number, records in groups.items():
            shard = self._shards.get(number)
            if shard is None:
                shard = self._shards[number] = _Shard()
            shard.in_hand = count_frames(records)
            shard.in_hand_oldest_mono_ns = records[0].rx_mono_ns
            shard.last.extend(records[-LAST_RECORDS:])
        return groups

    def _write(self, number: int, records: list[Record]) -> bool:
        """Append records of one shard; False when the disk refused some of them."""
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
        written = count_frames(records[: file.extent.records - before])
        with self._lock:
            shard.in_hand = shard.in_hand.minus(written)
            shard.written = shard.written.plus(written)
            shard.size = file.extent.bytes
            if self._sync_each_batch and refused is None:
                shard.durable, shard.durable_size = shard.written, shard.size
        if refused is not None:
            self._latch.set(*refused, number)
            return False
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


def _parts(records: list[Record]) -> Iterator[list[Record]]:
    """Cut a batch into parts of at most 512 records and about 512 KiB."""
    start = size = 0
    for end, record in enumerate(records):
        if end - start == _PART_RECORDS or size >= _PART_BYTES:
            yield records[start:end]
            start, size = end, 0
        size += len(record.payload)
    yield records[start:]
