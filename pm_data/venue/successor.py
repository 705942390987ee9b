"""Replaces a connection that has grown old by a new one, without a gap.

The new one subscribes to everything and takes each token over with its first full book; only
when all have moved is the old one closed. Until then both are recorded, and a replay takes a
token's frames from the one that owns it.
"""

import asyncio

from pm_data import clock
from pm_data.venue.link import Link
from pm_data.venue.services import Services
from pm_data.venue.token import Token

_CHECKS = 50
_LONGEST_CHECK_SECONDS = 0.25


class Successor:
    """Runs one connection, and the one that takes over from it when it is old.

    Attributes:
        next_link: the connection that is taking over, while there is one.
        taken: the connection that took over; None where the old one ended by itself.
    """

    def __init__(self, services: Services, shard: int, link: Link) -> None:
        self._services = services
        self._shard = shard
        self._link = link
        self._age_seconds = services.config.ws_connection_max_seconds
        self._patience_seconds = services.config.capture_first_book_seconds
        self._stopping = False
        self.next_link: Link | None = None
        self.taken: Link | None = None
        self.task: asyncio.Task[None] | None = None

    async def run_beside(self, task: "asyncio.Task[None] | None" = None) -> None:
        """Return when the connection has ended, after it was replaced or by itself.

        Args:
            task: runs the connection already; None where this is to start it.

        Raises:
            DialError: it could not be opened.
        """
        task = task or asyncio.get_running_loop().create_task(self._link.run())
        replacing = asyncio.get_running_loop().create_task(self._replace()) if self._age_seconds else None
        try:
            await task
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        finally:
            if replacing is not None:
                await self._settle(replacing)

    def stop(self) -> None:
        """Replace nothing more; a new connection closes."""
        self._stopping = True
        link = self.next_link
        if link is not None and link.is_open:
            link.close("stop")
        elif self.task is not None:
            self.task.cancel()

    async def _replace(self) -> None:
        """Wait for the connection's age, and let a new one take over; try again where that fails."""
        while not self._stopping:
            await asyncio.sleep(self._age_seconds)
            if not self._link.is_subscribed:
                continue
            link = self.next_link = Link(
                self._services,
                self._shard,
                self._link.tokens,
                reason="rotation",
                attempt=1,
                confirm=False,
                on_take=_let_go,
            )
            self.task = asyncio.get_running_loop().create_task(link.run())
            if await self._has_taken_over(link):
                self.taken = link
                self._link.close("rotation")
                return
            link.close("unneeded")
            await asyncio.gather(self.task, return_exceptions=True)
            self._link.take_back(link.tokens)
            self.next_link = self.task = None

    async def _has_taken_over(self, link: Link) -> bool:
        """Return whether the new connection brought every book that the old one had; it has time for that."""
        deadline_ns = clock.mono_ns() + int(self._patience_seconds * 1e9)
        while clock.mono_ns() < deadline_ns:
            await asyncio.sleep(min(self._patience_seconds / _CHECKS, _LONGEST_CHECK_SECONDS))
            assert self.task is not None
            if self.task.done():
                return False
            if link.is_subscribed and link.tokens and all(token.waiting for token in link.to_take):
                break  # what has not moved has no book on the old one either
        return bool(link.tokens)

    async def _settle(self, replacing: "asyncio.Task[None]") -> None:
        """End the replacing with the old connection; a new one that has begun to take over stays."""
        replacing.cancel()
        await asyncio.gather(replacing, return_exceptions=True)
        link, task = self.next_link, self.task
        if link is None or task is None:
            return
        if self.taken is None and link.is_subscribed and not self._stopping:
            self.taken = link
        if self.taken is not None:
            left = self._link.tokens
            link.take_rest()
            if new := [token for token in left if not link.carries(token)]:
                link.subscribe(new, "refresh")  # they came while it took over
            return
        if not link.is_open:
            task.cancel()
        link.close("unneeded")
        await asyncio.gather(task, return_exceptions=True)


def _let_go(_taker: Link, tokens: list[Token]) -> None:
    for token in tokens:
        if token.link is not None:
            token.link.let_go([token])  # the old connection, or by now one of the token's own
