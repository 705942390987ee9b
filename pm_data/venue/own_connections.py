"""Connections of their own for tokens that their shard's connection is silent about.

Their siblings stay where they are, are not asked for again, and see no gap.
"""

import asyncio
from collections.abc import Callable, Sequence

from pm_data.venue.dial import DialError
from pm_data.venue.link import Link
from pm_data.venue.services import Services
from pm_data.venue.token import Rung, Token

_MOST = 4
"""Connections of this kind that a shard may have; beyond, the ladder goes on without one."""


class OwnConnections:
    """The further connections of one shard.

    Args:
        on_return: gets the tokens of a connection that ended, which need another one.
    """

    def __init__(self, services: Services, shard: int, on_return: Callable[[list[Token]], None]) -> None:
        self._services = services
        self._shard = shard
        self._on_return = on_return
        self._links: dict[Link, asyncio.Task[None]] = {}
        self._stopping = False

    @property
    def links(self) -> list[Link]:
        """Return the connections, those that are still being opened too."""
        return list(self._links)

    def open_for(self, tokens: Sequence[Token]) -> None:
        """Open one connection for these tokens together, unless there are too many already."""
        if self._stopping or len(self._links) >= _MOST:
            return
        link = Link(
            self._services,
            self._shard,
            tokens,
            reason="redrive",
            attempt=1,
            confirm=False,
            on_take=_unsubscribe_elsewhere,
        )
        self._links[link] = asyncio.get_running_loop().create_task(self._carry(link))

    def close_useless(self) -> None:
        """Close the connections that bring nothing and have nothing left to take over."""
        for link in self._links:
            for token in link.to_take:
                if not token.waiting or token.rung is Rung.MISSING:
                    link.let_go([token])
            if link.is_subscribed and not link.tokens and not link.to_take:
                link.close("unneeded")

    def stop(self) -> None:
        """Let every connection end within a second."""
        self._stopping = True
        for link, task in self._links.items():
            if link.is_open:
                link.close("stop")
            else:
                task.cancel()

    async def ended(self) -> None:
        """Wait until all are gone."""
        await asyncio.gather(*self._links.values(), return_exceptions=True)

    async def _carry(self, link: Link) -> None:
        try:
            await link.run()
        except DialError:
            pass  # the ladder waits its time and goes on
        finally:
            tokens = link.tokens
            link.let_go([*tokens, *link.to_take])
            self._links.pop(link, None)
            if tokens and not self._stopping:
                self._on_return(tokens)


def _unsubscribe_elsewhere(taker: Link, tokens: list[Token]) -> None:
    groups: dict[Link, list[Token]] = {}
    for token in tokens:
        if token.link is not None and token.link is not taker:
            groups.setdefault(token.link, []).append(token)
    for link, group in groups.items():
        link.unsubscribe(group, "handover")
