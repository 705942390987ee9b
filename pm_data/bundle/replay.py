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
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[Record]:
        """Return all records in the order of the run."""

        def batches() -> Iterator[list[Record]]:
            with ThreadPoolExecutor(1, "sha256") as executor:
                hashing = Hashing(executor, by_two=len(self.shards) > 1)
                yield from merged([shard.batches(hashing) for shard in self.shards])

        return chain.from_iterable(batches())

    def begin_digests(self) -> None:
        """Start to take the sealed shards' SHA-256 in a thread of low priority, for `finish`."""
        if any(shard.reader.seal is not None for shard in self.shards):
            self._thread = threading.Thread(target=self._take_beside, name="sha256", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Hold the shards that were read to their end against their seals, where that is still to be done.

        Raises:
            DamageError: one does not agree.
            OSError, UsageError: a file cannot be read.
        """
        if self._thread is None:
            return
        self.abandon()
        self._thread.join()
        done = [shard for shard in self.shards if shard.reader.is_done]
        # What is left is not left to a thread that gets what others do not want.
        self._take_digests(done, bytearray(1))
        for shard in done:
            shard.reader.hold_against_seal(partial(self._digests.__getitem__, shard.shard))

    def abandon(self) -> None:
        """Take no more digests beside."""
        self._stop[0] = 1

    def _take_beside(self) -> None:
        osdep.lower_thread_priority()
        # A file that cannot be read is met again by who waits for its digest.
        with suppress(OSError, UsageError):
            self._take_digests(self.shards, self._stop)

    def _take_digests(self, shards: Sequence[ReplayShard], stop: bytearray) -> None:
        """Take those that are wanted and not there, two files at a time, until `stop`."""
        wanted = [
            shard for shard in shards if shard.reader.seal is not None and shard.shard not in self._digests
        ]
        wanted.sort(key=lambda shard: -shard.limit)
        for place in range(0, len(wanted), 2):
            pair = wanted[place : place + 2]
            found = records.file_digests([(shard.reader.open(), shard.limit) for shard in pair], stop)
            if stop[0]:
                return
            self._digests.update(zip((shard.shard for shard in pair), found, strict=True))
