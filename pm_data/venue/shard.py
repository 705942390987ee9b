"""One shard: some markets, the connection that carries them, and its reconnects."""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass

from pm_data.frame import Control
from pm_data.venue.backoff import Backoff
from pm_data.venue.churn import Change
from pm_data.venue.continuity import Continuity
from pm_data.venue.dial import DialError
from pm_data.venue.link import Link
from pm_data.venue.own_connections import OwnConnections
from pm_data.venue.scan import Seen
from pm_data.venue.services import Services
from pm_data.venue.successor import Successor
from pm_data.venue.token import Rung, Token
from pm_data.venue.universe import Market


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """A shard as it is now.

    Args:
        conn: number of the open connection, or of the last; 0 before the first.
        tokens_with_book: tokens that had a full book on the open connection.
        tokens_missing: tokens that nothing brought a book of.
        reconnects: connections opened beyond the first.
        confirmed: whether any connection of the shard brought its first data.
        seen: frames by what the scan took them for, over all connections.
    """

    shard: int
    conn: int
    connected: bool
    tokens: int
    tokens_with_book: int
    tokens_missing: int
    reconnects: int
    confirmed: bool
    seen: dict[str, int]


class Shard:
    """Keeps one connection open for its markets until stopped, and every token of theirs whole."""

    def __init__(self, number: int, markets: Iterable[Market], services: Services) -> None:
        self.number = number
        self._services = services
        self._markets = {frozenset(market.asset_ids): market for market in markets}
        self._tokens = {asset_id: Token(asset_id) for asset_id in _asset_ids(self.markets)}
        self._backoff = Backoff(random.Random())
        self._link: Link | None = None
        self._successor: Successor | None = None
        self._own_connections = OwnConnections(services, number, self._take_back)
        self.continuity = Continuity(services, number, self._tokens.values, self._own_connections)
        self._opened = 0
        self._seen_before = [0] * len(Seen)
        self._has_markets = asyncio.Event()
        self._stopping = False
        self._confirmed = False
        self._trouble = "no connection was opened"

    @property
    def markets(self) -> list[Market]:
        """Return the markets it carries."""
        return list(self._markets.values())

    @property
    def token_count(self) -> int:
        """Return how many tokens it carries."""
        return len(self._tokens)

    @property
    def tokens_without_book(self) -> list[str]:
        """Return the tokens that had no full book since they were last asked for."""
        return [token.asset_id for token in self._tokens.values() if token.waiting]

    @property
    def confirmed(self) -> bool:
        """Tell whether a connection of this shard brought the first data that confirm asks for."""
        link = self._link
        if not self._confirmed and link is not None and link.conn:
            self._confirmed = link.data_frames >= self._services.config.capture_confirm_min_events
        return self._confirmed

    @property
    def trouble(self) -> str:
        """Return what stands between the shard and its data, in words."""
        if self._link is not None and self._link.is_open:
            return f"connected, {self._link.data_frames} data frames"
        return self._trouble

    def begin(self) -> None:
        """Write the shard's first record, its markets."""
        self._state_universe(self.markets, [])

    async def run(self) -> None:
        """Dial, and dial again after every end, until stopped."""
        try:
            await self._keep_connected()
        finally:
            self.continuity.stop()
            self._own_connections.stop()
            await self.continuity.ended()
            await self._own_connections.ended()

    def stop(self, task: asyncio.Task[None]) -> None:
        """Let `task`, which runs this shard, end within a second."""
        self._stopping = True
        self.continuity.stop()
        self._own_connections.stop()
        if self._successor is not None:
            self._successor.stop()
        if self._link is not None and self._link.is_open:
            self._link.close("stop")
        else:
            task.cancel()

    def end(self, reason: str) -> None:
        """Write the shard's last record."""
        self._services.log.control(self.number, 0, Control.END, {"reason": reason})

    def change(self, change: Change) -> None:
        """Take a change of the universe, on the open sockets; tokens that stay are not touched."""
        gone = [self._tokens.pop(asset_id) for asset_id in _asset_ids(change.removed)]
        new = [Token(asset_id) for asset_id in _asset_ids(change.added)]
        self._tokens |= {token.asset_id: token for token in new}
        stated = [*change.added, *change.restated]
        for market in change.removed:
            del self._markets[frozenset(market.asset_ids)]
        for market in stated:
            self._markets[frozenset(market.asset_ids)] = market
        self._unsubscribe(gone)
        self._state_universe(stated, [token.asset_id for token in gone])
        if self._link is not None and new:
            self._link.subscribe(new, "refresh")
        if self._markets:
            self._has_markets.set()
        elif self._link is not None:
            self._link.close("stop")

    def status(self) -> ShardStatus:
        """Return the shard as it is now; any thread may ask."""
        link = self._link
        is_open = link is not None and link.is_open
        counts = [sum(pair) for pair in zip(self._seen_before, link.seen, strict=True)] if link else []
        tokens = list(self._tokens.values())
        return ShardStatus(
            shard=self.number,
            conn=link.conn if link else 0,
            connected=is_open,
            tokens=len(tokens),
            tokens_with_book=sum(
                not token.waiting and token.link is not None and token.link.is_open for token in tokens
            ),
            tokens_missing=sum(token.waiting and token.rung is Rung.MISSING for token in tokens),
            reconnects=max(self._opened + is_open - 1, 0),
            confirmed=self.confirmed,
            seen={kind.name.lower(): count for kind, count in zip(Seen, counts, strict=False)},
        )

    async def _keep_connected(self) -> None:
        attempt = 0
        while not self._stopping:
            if not self._markets:
                self._has_markets.clear()
                await self._has_markets.wait()
            attempt += 1
            link = self._next_link(attempt)
            try:
                link = await self._carry(link)
                cause = link.cause
                self._trouble = f"a connection ended: {cause}"
            except DialError as error:
                cause = "dial"
                self._trouble = str(error)
            if link.conn:
                self._opened += 1
            if link.data_frames:
                attempt = 0
                self._backoff.reset()
            if not self._stopping and self._markets:
                await self._pause(attempt + 1, cause)

    async def _carry(self, link: Link) -> Link:
        """Run a connection, and those that take over from it without a gap; return the last when it ended.

        Raises:
            DialError: the first could not be opened.
        """
        self._link = link
        successor = self._successor = Successor(self._services, self.number, link)
        try:
            await successor.run_beside()
            while successor.taken is not None:
                self._note_seen(link)
                link = self._link = successor.taken
                task = successor.task
                successor = self._successor = Successor(self._services, self.number, link)
                await successor.run_beside(task)
        finally:
            self._successor = None
        return link

    def _next_link(self, attempt: int) -> Link:
        confirm = not self.confirmed
        if self._link is not None:
            self._note_seen(self._link)
        own = {link for link in self._own_connections.links if link.is_open}
        return Link(
            self._services,
            self.number,
            [token for token in self._tokens.values() if token.link not in own],
            reason="reconnect" if self._opened else "initial",
            attempt=attempt,
            confirm=confirm,
        )

    def _note_seen(self, link: Link) -> None:
        for kind, count in enumerate(link.seen):
            self._seen_before[kind] += count

    def _take_back(self, tokens: list[Token]) -> None:
        """Ask for tokens whose own connection ended on the shard's, or on its next."""
        staying = [token for token in tokens if self._tokens.get(token.asset_id) is token]
        if self._link is not None and staying:
            self._link.subscribe(staying, "redrive")

    def _unsubscribe(self, tokens: list[Token]) -> None:
        links = [self._link, *self._own_connections.links]
        if self._successor is not None:
            links.append(self._successor.next_link)
        for link in links:
            mine = [token for token in tokens if link is not None and link.carries(token)]
            if link is not None and mine:
                link.unsubscribe(mine, "refresh")

    async def _pause(self, attempt: int, cause: str | None) -> None:
        delay_seconds = self._backoff.next_delay_seconds()
        self._services.on_event(
            "reconnect",
            {
                "shard": self.number,
                "attempt": attempt,
                "cause": cause,
                "detail": self._trouble,
                "delay_ms": round(delay_seconds * 1000),
            },
        )
        await asyncio.sleep(delay_seconds)

    def _state_universe(self, markets: list[Market], removed: list[str]) -> None:
        self._services.log.set_tokens(self.number, list(self._tokens))
        self._services.log.control(
            self.number,
            0,
            Control.UNIVERSE,
            {"markets": [market.metadata() for market in markets], "removed": removed},
        )


def _asset_ids(markets: Iterable[Market]) -> list[str]:
    return [asset_id for market in markets for asset_id in market.asset_ids]
