"""The venue in a background thread, for tests, the demo, and the proof of parity."""

import asyncio
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Self

from pm_data.venue.embedded.book import MarketBook
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.embedded.replay import Replay
from pm_data.venue.embedded.server import VenueServer, VenueUrls


class EmbeddedVenue:
    """A venue that runs while its `with` block does.

    Raises:
        UnavailableError: the port cannot be had.
        InputOutputError: the log of what is sent cannot be made.
    """

    def __init__(self, options: VenueOptions, replay: Replay | None = None) -> None:
        self._server = VenueServer(options, replay)
        self._stop = asyncio.Event()
        self._started: Future[tuple[VenueUrls, asyncio.AbstractEventLoop]] = Future()
        self._thread = ThreadPoolExecutor(1, "embedded-venue")
        self._ended: Future[None] | None = None

    @property
    def urls(self) -> VenueUrls:
        """Where the venue listens; there from the start of the `with` block."""
        return self._started.result(0)[0]

    @property
    def connections(self) -> int:
        """How many WebSocket connections there have been."""
        return len(self._server.hub.sent)

    @property
    def books(self) -> list[MarketBook]:
        """The active markets, in listing order; they go on changing in the venue's own thread."""
        return self._server.books

    @property
    def asset_ids(self) -> list[str]:
        """The active markets' tokens in listing order, as faults number them at the start."""
        return [token for book in self.books for token in book.listing.asset_ids]

    def sent(self, connection: int) -> list[bytes]:
        """Return the payloads sent so far to a connection, by its number from 1; needs `keep_sent`."""
        return list(self._server.hub.sent[connection - 1].payloads)

    def stop(self) -> None:
        """End the venue as Ctrl-C would; leaving the `with` block waits for it."""
        assert self._ended is not None
        _urls, loop = self._started.result(0)
        if not self._ended.done():
            loop.call_soon_threadsafe(self._stop.set)

    def __enter__(self) -> Self:
        self._ended = self._thread.submit(asyncio.run, self._serve())
        waiting: set[Future[Any]] = {self._started, self._ended}
        wait(waiting, return_when=FIRST_COMPLETED)
        if self._ended.done():
            self._thread.shutdown()
            self._ended.result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._ended is not None
        self.stop()
        self._thread.shutdown()
        if error is None:
            self._ended.result()

    async def _serve(self) -> None:
        urls = await self._server.start()
        self._started.set_result((urls, asyncio.get_running_loop()))
        await self._server.run_until(self._stop)
