"""The venue as a server: one port on loopback for Gamma, CLOB REST and the market WebSocket."""

import asyncio
import errno
from dataclasses import dataclass

from pm_data import clock
from pm_data.errors import InputOutputError, UnavailableError
from pm_data.venue.embedded.book import MarketBook
from pm_data.venue.embedded.connection import WEBSOCKET_PATH, Hub, VenueConnection
from pm_data.venue.embedded.exchange import Exchange
from pm_data.venue.embedded.fault_plan import FaultPlan
from pm_data.venue.embedded.gamma import Gamma
from pm_data.venue.embedded.market_channel import MarketChannel
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.embedded.replay import Replay
from pm_data.venue.embedded.replay_rest import ReplayRest
from pm_data.venue.embedded.rest import Rest
from pm_data.venue.embedded.websocket import text_frame

HOST = "127.0.0.1"
_SHORTEST_SLEEP_SECONDS = 0.002
_LONGEST_SLEEP_SECONDS = 3600.0
_LONGEST_TURN_NS = 20_000_000
_GIVE_UP_LAG_NS = 1_000_000_000
_CLOSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class VenueUrls:
    """Where a venue is, in the names of our settings."""

    gamma_base_url: str
    clob_base_url: str
    clob_ws_url: str


class VenueServer:
    """A running venue; make it, `start` it, and `run_until` something.

    Args:
        replay: a recorded run to serve, in the place of markets of its own.
    """

    def __init__(self, options: VenueOptions, replay: Replay | None = None) -> None:
        self._options = options
        self._epoch_ns = clock.wall_ns()
        self._exchange: Exchange | Replay
        rest: Rest | ReplayRest
        if replay is None:
            self._exchange = exchange = Exchange(options, self._epoch_ns // 1_000_000)
            rest = Rest(exchange, Gamma(options.seed), clock.wall_ns)
        else:
            self._exchange = replay
            rest = ReplayRest(replay)
        self._channel = MarketChannel(self._exchange)
        plan = None
        if options.faults:
            asset_ids = [token for book in self.books for token in book.listing.asset_ids]
            plan = FaultPlan(options.faults, options.seed, asset_ids)
        self.hub = Hub(options, rest, self._channel, plan)
        self._server: asyncio.Server | None = None

    @property
    def books(self) -> list[MarketBook]:
        """The active markets, in listing order; none of a recorded run."""
        return self._exchange.books if isinstance(self._exchange, Exchange) else []

    async def start(self) -> VenueUrls:
        """Listen, and return where.

        Raises:
            UnavailableError: the port is taken, or may not be used.
            InputOutputError: the directory for the log of what is sent cannot be made.
        """
        sent_log = self._options.sent_log
        if sent_log is not None:
            try:
                sent_log.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputOutputError(f"{sent_log}: {error.strerror}") from error
        loop = asyncio.get_running_loop()
        port = self._options.port
        try:
            self._server = await loop.create_server(lambda: VenueConnection(self.hub), HOST, port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise UnavailableError(f"port {port} on {HOST} is in use; 0 takes a free one") from error
            raise UnavailableError(f"cannot listen on {HOST}:{port}: {error.strerror}") from error
        address = f"{HOST}:{self._server.sockets[0].getsockname()[1]}"
        return VenueUrls(f"http://{address}", f"http://{address}", f"ws://{address}{WEBSOCKET_PATH}")

    async def run_until(self, stop: asyncio.Event) -> None:
        """Play the order flow until `stop` is set, then close everything within about a second."""
        player = asyncio.create_task(self._play())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((player, stopped), return_when=asyncio.FIRST_COMPLETED)
            if player.done():
                player.result()
        finally:
            player.cancel()
            stopped.cancel()
            await asyncio.gather(player, stopped, return_exceptions=True)
            await self._close()

    async def _play(self) -> None:
        """Send what is due, on time; a turn that takes long lets the connections have theirs."""
        exchange = self._exchange
        exchange.postpone(max(clock.wall_ns() - self._epoch_ns, 0))
        origin_ns = clock.mono_ns()
        while True:
            started_ns = clock.mono_ns()
            lag_ns = started_ns - origin_ns - exchange.next_due_ns
            if lag_ns > _GIVE_UP_LAG_NS:
                # The rate is more than this machine can do: go on from here, with true stamps.
                exchange.postpone(lag_ns)
                origin_ns += lag_ns
            now_ns = started_ns
            while exchange.next_due_ns <= now_ns - origin_ns and now_ns - started_ns < _LONGEST_TURN_NS:
                self._send(exchange)
                now_ns = clock.mono_ns()
            self.hub.flush()
            early_seconds = (exchange.next_due_ns - (now_ns - origin_ns)) / 1e9
            if early_seconds <= 0:
                await asyncio.sleep(0)
            else:
                await asyncio.sleep(min(max(early_seconds, _SHORTEST_SLEEP_SECONDS), _LONGEST_SLEEP_SECONDS))

    def _send(self, exchange: Exchange | Replay) -> None:
        for message in exchange.step():
            receivers = self._channel.receivers(message)
            if receivers:
                frame = text_frame(message.payload)
                for client in receivers:
                    client.deliver(message.payload, frame)

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self.hub.open):
            connection.shut()
        deadline = clock.mono_ns() + int(_CLOSE_SECONDS * 1e9)
        while self.hub.open and clock.mono_ns() < deadline:
            await asyncio.sleep(0.01)
        for connection in list(self.hub.open):
            connection.abort()
        while self.hub.open:
            await asyncio.sleep(0)
        await self._server.wait_closed()
