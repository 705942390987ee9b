"""What the next bundle of a capture begins with: all that was known at the end of the one before.

While its opening is written, what is received waits in the queue. So the books, which are nearly all of
it, are made before the cut, a few at a time; at the cut only those that changed since are made again.
"""

import threading
import time
from collections.abc import Iterable, Iterator

from pm_data._fast import store
from pm_data.frame import Record
from pm_data.state.opening import book_payload, opening_records
from pm_data.state.run_state import RunState

_ROUNDS = 2
"""The second makes again what changed during the first, which takes long."""


class Carry:
    """Follows the stream from bundle to bundle, in the thread that writes it."""

    def __init__(self) -> None:
        self._state = RunState()
        self._gone_before: set[str] = set()
        self._books: dict[str, tuple[int | None, bytes]] = {}
        self._making: Iterator[None] | None = None
        self.is_ready = threading.Event()
        """Set when the books are made that were asked for."""

    def follow(self, records: Iterable[Record]) -> None:
        """Take records into account, in order."""
        for record in records:
            self._state.apply(record)

    def ask(self) -> None:
        """Ask for the books; any thread may."""
        self.is_ready.clear()
        self._making = self._make()

    def work(self, seconds: float) -> None:
        """Make some of the books that were asked for, in about this time."""
        making = self._making
        if making is None:
            return
        end = time.perf_counter() + seconds
        for _ in making:
            if time.perf_counter() >= end:
                return
        self._making = None
        self.is_ready.set()

    def opening(self, cut_mono_ns: int, cut_wall_ns_utc: int) -> Iterator[Record]:
        """Yield the records that the bundle after a cut begins with, before anything else is followed.

        What left the universe before the last cut already is left out: a capture of months would
        carry ever more of it.
        """
        gone = self._gone()
        long_gone = gone & self._gone_before
        self._gone_before = gone
        yield from opening_records(self._state, cut_mono_ns, cut_wall_ns_utc, long_gone, self._book)
        self._books = {}

    def _make(self) -> Iterator[None]:
        for _ in range(_ROUNDS):
            for asset_id in self._state.store.asset_ids():
                market = self._state.store.market(asset_id)
                if market is not None and market.status == "live" and not self._is_made(market):
                    self._books[asset_id] = market.ts_recv, book_payload(market)
                    yield

    def _is_made(self, market: store.MarketState) -> bool:
        """Tell whether a book stands as it was made: whatever changes it comes with a stamp of its own."""
        made = self._books.get(market.market_id)
        return made is not None and made[0] == market.ts_recv

    def _book(self, market: store.MarketState) -> bytes:
        return self._books[market.market_id][1] if self._is_made(market) else book_payload(market)

    def _gone(self) -> set[str]:
        """Return the tokens that no shard lists any more and no connection owns."""
        universes = self._state.universes.values()
        removed = {asset_id for universe in universes for asset_id in universe.removed}
        for universe in universes:
            for metadata in universe.listed():
                removed -= {
                    asset_id for asset_id in metadata["asset_ids"] if asset_id not in universe.removed
                }
        found = ((asset_id, self._state.store.market(asset_id)) for asset_id in removed)
        return {asset_id for asset_id, market in found if market is None or not market.connection}
