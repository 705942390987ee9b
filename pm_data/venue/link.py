"""One connection of one shard, from the dial to its CLOSED record.

Everything that happens to it becomes a record in the same synchronous step: the
handshake OPENED, the subscription SUBSCRIBED, messages frames, the end CLOSED and GAP.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pm_data import clock
from pm_data.config import Config
from pm_data.frame import Control
from pm_data.jsonlib import JsonObject
from pm_data.venue import messages
from pm_data.venue.connection import Connection, Ended
from pm_data.venue.dial import Dialer
from pm_data.venue.liveness import Liveness
from pm_data.venue.recordlog import RecordLog
from pm_data.venue.scan import Seen, scan


@dataclass(frozen=True, slots=True)
class Services:
    """What all links of a session share.

    Args:
        on_event: takes a runlog record type and its fields; must not block.
        next_conn: gives the next connection number of the run.
    """

    config: Config
    log: RecordLog
    dialer: Dialer
    on_event: Callable[[str, JsonObject], None]
    next_conn: Callable[[], int]


class Link:
    """A connection with its subscription and its watchdogs.

    Args:
        reason: why it subscribes, `initial` or `reconnect`.
        attempt: how many dials of this shard since data last came, this one included.
        confirm: whether it must bring first data within the confirm timeout.
    """

    def __init__(
        self,
        services: Services,
        shard: int,
        asset_ids: Iterable[str],
        *,
        reason: str,
        attempt: int,
        confirm: bool,
    ) -> None:
        self._services = services
        self._log = services.log
        self._shard = shard
        self._asset_ids = dict.fromkeys(asset_ids)
        self._id_bytes = {asset_id.encode("ascii") for asset_id in self._asset_ids}
        self._booked: set[bytes] = set()
        self._reason = reason
        self._attempt = attempt
        self._confirm = confirm
        self._connection: Connection | None = None
        self._live = Liveness(services.config, clock.mono_ns(), confirm)
        self._gone = asyncio.Event()
        self.conn = 0
        self.cause: str | None = None
        self.seen = [0] * len(Seen)

    @property
    def is_open(self) -> bool:
        """Tell whether the handshake is done and the connection not yet gone."""
        return self._connection is not None and not self._gone.is_set()

    @property
    def data_frames(self) -> int:
        """Return how many frames of data came."""
        return self._live.data_frames

    @property
    def tokens_with_book(self) -> int:
        """Return how many of the subscribed tokens have had a full book on this connection."""
        return len(self._booked)

    def without_book(self, asset_ids: Iterable[str]) -> list[str]:
        """Return those of the tokens that have had no full book on this connection."""
        return [asset_id for asset_id in asset_ids if asset_id.encode("ascii") not in self._booked]

    async def run(self) -> None:
        """Dial, watch, and return when the connection is gone; `cause` then says why.

        Raises:
            DialError: it could not be opened.
        """
        try:
            await self._services.dialer.dial(self)
        finally:
            if self._connection is not None:
                await self._watch(self._connection)

    def close(self, cause: str) -> None:
        """Start closing an open connection; what still arrives is recorded until it is gone."""
        if self._connection is not None and self.cause is None:
            self.cause = cause
            self._connection.close()

    def subscribe(self, asset_ids: Sequence[str]) -> None:
        """Add tokens; said on the socket only while it is open and not being closed."""
        self._asset_ids.update(dict.fromkeys(asset_ids))
        self._id_bytes.update(asset_id.encode("ascii") for asset_id in asset_ids)
        if self.is_open and self.cause is None:
            self._send(messages.subscribe(asset_ids))
            self._subscribed(asset_ids, "refresh")

    def unsubscribe(self, asset_ids: Sequence[str]) -> None:
        """End tokens; said on the socket only while it is open and not being closed."""
        for asset_id in asset_ids:
            del self._asset_ids[asset_id]
            self._id_bytes.discard(asset_id.encode("ascii"))
            self._booked.discard(asset_id.encode("ascii"))
        if self.is_open and self.cause is None:
            self._send(messages.unsubscribe(asset_ids))
            self._control(Control.UNSUBSCRIBED, {"tokens": list(asset_ids), "reason": "refresh"})

    def opened(self, connection: Connection) -> None:
        """Number the connection and subscribe: the first message is the subscription (rule W7)."""
        self._connection = connection
        self.conn = self._services.next_conn()
        self._live = Liveness(self._services.config, clock.mono_ns(), self._confirm)
        self._control(Control.OPENED, {"url": self._services.dialer.shown_url, "attempt": self._attempt})
        asset_ids = list(self._asset_ids)
        self._services.on_event(
            "connected",
            {"shard": self._shard, "conn": self.conn, "attempt": self._attempt, "tokens": len(asset_ids)},
        )
        if not asset_ids:  # they all left the universe while the handshake went on
            self.close("stop")
            return
        self._send(messages.subscription(asset_ids))
        self._subscribed(asset_ids, self._reason)

    def received(self, payload: bytes, binary: bool, mono_ns: int, wall_ns: int) -> None:
        """Record one message and note what it proves."""
        kept = self._log.frame(
            self._shard, self.conn, payload, binary=binary, mono_ns=mono_ns, wall_ns=wall_ns
        )
        live = self._live
        live.last_frame_ns = mono_ns
        seen, books = scan(payload)
        self.seen[seen] += 1
        if seen <= Seen.RESOLVED:
            live.data_frames += 1
            live.last_data_ns = mono_ns
            if kept and books:
                self._booked.update(self._id_bytes.intersection(books))

    def ended(self, ended: Ended) -> None:
        """Record the end and what it costs."""
        if self.cause is None:
            self.cause = "network" if ended.code is None else "venue"
        self._control(Control.CLOSED, {"code": ended.code, "reason": ended.reason, "cause": self.cause})
        if self.cause != "stop":
            self._gap()
        self._gone.set()
        self._services.on_event(
            "disconnected",
            {
                "shard": self._shard,
                "conn": self.conn,
                "cause": self.cause,
                "code": ended.code,
                "reason": ended.reason,
                "tokens": len(self._asset_ids),
            },
        )

    async def _watch(self, connection: Connection) -> None:
        live = self._live
        while self.cause is None:
            now_ns = clock.mono_ns()
            verdict = live.verdict(now_ns)
            if verdict is not None:
                self.close(verdict)
                break
            if live.ping_due(now_ns):
                connection.send_text(messages.PING)
            await self._gone_within((live.next_check_ns() - now_ns) / 1e9)
        await self._gone.wait()

    async def _gone_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        except TimeoutError:
            return

    def _gap(self) -> None:
        # How much was lost nobody knows; the loss began after the last frame and lasts until the next books.
        self._control(
            Control.GAP,
            {
                "cause": "closed",
                "tokens": list(self._asset_ids),
                "frames": 0,
                "bytes": 0,
                "first_mono_ns": self._live.last_frame_ns,
                "last_mono_ns": None,
            },
        )

    def _subscribed(self, asset_ids: Sequence[str], reason: str) -> None:
        self._control(Control.SUBSCRIBED, {"tokens": list(asset_ids), "reason": reason})

    def _control(self, control: Control, fields: JsonObject) -> None:
        self._log.control(self._shard, self.conn, control, fields)

    def _send(self, frames: Iterable[bytes]) -> None:
        assert self._connection is not None
        for frame in frames:
            self._connection.send_text(frame)
