"""The records of a replay: in order, and shard by shard for a reader that runs ahead.

Iterating reads everything in the plain way. The compiled core's loop reads the
shards itself as far as nothing unusual comes, and takes the rest from here.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import chain

from pm_data import osdep
from pm_data._fast import records
from pm_data.bundle.damage import Damage
from pm_data.bundle.digest import Hashing
from pm_data.bundle.format import SCANNER
from pm_data.bundle.gaps import ShardTokens, batches_with_gaps
from pm_data.bundle.merge import merged
from pm_data.bundle.reader import ShardReader
from pm_data.errors import UsageError
from pm_data.frame import Record

_MAX_SHARDS_AHEAD = 64
"""Reading ahead takes about 0.7 MB of memory a shard."""

_LOOP_THREADS = 2
"""Threads of a replay beside that of the digests: one reads ahead, one carries the records to their end."""


class ReplayShard:
    """One shard of a replay, read once.

    Args:
        shard: its number.
        limit: no byte from there on is read.
    """

    def __init__(
        self,
        shard: int,
        limit: int,
        reader: Callable[[Hashing | None], ShardReader],
        skipped: list[Damage],
        *,
        ends_with_gap: bool,
    ) -> None:
        self.shard = shard
        self.limit = limit
        self._reader_with = reader
        self.reader = reader(None)
        self._skipped = skipped
        self._ends_with_gap = ends_with_gap
        self._tokens = ShardTokens()
        self.note = self._tokens.note
        """Take a control record that was read elsewhere into account."""

    def batches(self, hashing: Hashing) -> Iterator[list[Record]]:
        """Yield the shard's records and its gaps."""
        self.reader = self._reader_with(hashing)
        return self._batches(None)

    def rest(self, last: Record | None, position: int) -> Iterator[list[Record]]:
        """Yield what follows `last`, which ends at `position`; None for the whole shard."""
        if last is not None:
            self.reader.begin_behind(last, position)
        return self._batches(last)

    def _batches(self, last: Record | None) -> Iterator[list[Record]]:
        return batches_with_gaps(
            self.reader, self._skipped, self._tokens, last, ends_with_gap=self._ends_with_gap
        )


class ReplayRecords:
    """The records of a replay; iterate over them once, or read `shards` and `finish`."""

    scanner = SCANNER
    """Knows a record when it sees one."""

    def __init__(self, shards: Sequence[ReplayShard], *, may_run_ahead: bool) -> None:
        """Put shards together.

        Args:
            may_run_ahead: whether `shards` may be read and `finish` hold them against their seals: not where
                the run goes on after damage, which has its place among the records then.
        """
        self.shards = shards
        self.may_run_ahead = may_run_ahead and len(shards) <= _MAX_SHARDS_AHEAD
        self._stop = bytearray(1)
        self._digests: dict[int, str] = {}
        self._are_wanted = False
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[Record]:
        """Return all records in the order of the run."""

        def batches() -> Iterator[list[Record]]:
            with ThreadPoolExecutor(1, "sha256") as executor:
                hashing = Hashing(executor, by_two=len(self.shards) > 1)
                yield from merged([shard.batches(hashing) for shard in self.shards])

        return chain.from_iterable(batches())

    def begin_digests(self) -> None:
        """Start to take the sealed shards' SHA-256 in a thread of low priority, for `finish`.

        Where the reader and the loop have all processors, it would only take the caches from them.
        """
        self._are_wanted = any(shard.reader.seal is not None for shard in self.shards)
        if self._are_wanted and osdep.usable_processors() > _LOOP_THREADS:
            self._thread = threading.Thread(target=self._take_beside, name="sha256", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Hold the shards that were read to their end against their seals, where that is still to be done.

        Raises:
            DamageError: one does not agree.
            OSError, UsageError: a file cannot be read.
        """
        if not self._are_wanted:
            return
        self.abandon()
        if self._thread is not None:
            self._thread.join()
        done = [shard for shard in self.shards if shard.reader.is_done]
        # What is left is not left to a thread that gets what others do not want.
        with ThreadPoolExecutor(osdep.usable_processors(), "sha256") as executor:
            for _ in executor.map(partial(self._take_two, stop=bytearray(1)), self._pairs(done)):
                pass
        for shard in done:
            shard.reader.hold_against_seal(partial(self._digests.__getitem__, shard.shard))

    def abandon(self) -> None:
        """Take no more digests beside."""
        self._stop[0] = 1

    def _take_beside(self) -> None:
        osdep.lower_thread_priority()
        # A file that cannot be read is met again by who waits for its digest.
        with suppress(OSError, UsageError):
            for pair in self._pairs(self.shards):
                self._take_two(pair, self._stop)

    def _pairs(self, shards: Sequence[ReplayShard]) -> list[list[ReplayShard]]:
        """Return those whose digests are wanted and not there, two by two, which costs less."""
        wanted = [
            shard for shard in shards if shard.reader.seal is not None and shard.shard not in self._digests
        ]
        wanted.sort(key=lambda shard: -shard.limit)
        return [wanted[place : place + 2] for place in range(0, len(wanted), 2)]

    def _take_two(self, pair: list[ReplayShard], stop: bytearray) -> None:
        """Take the digests of two files at a time; nothing after `stop`."""
        if stop[0]:
            return
        found = records.file_digests([(shard.reader.open(), shard.limit) for shard in pair], stop)
        if not stop[0]:
            self._digests.update(zip((shard.shard for shard in pair), found, strict=True))
