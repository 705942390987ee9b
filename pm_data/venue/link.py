"""One connection of one shard, from the dial to its CLOSED record.

Everything that happens to it becomes a record in the same synchronous step: the
handshake OPENED, the subscription SUBSCRIBED, messages frames, the end CLOSED and GAP.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from pm_data import clock
from pm_data.frame import Control
from pm_data.jsonlib import JsonObject
from pm_data.venue import messages
from pm_data.venue.connection import Connection, Ended
from pm_data.venue.liveness import Liveness
from pm_data.venue.reception import Reception
from pm_data.venue.services import Services
from pm_data.venue.token import Rung, Token
from pm_data.venue.watchdog import Watchdog


class Link:
    """A connection with its subscription and its watchdogs.

    Args:
        tokens: what it subscribes to.
        reason: why it subscribes, `initial`, `reconnect`, `redrive` or `rotation`.
        attempt: how many dials of this shard since data last came, this one included.
        confirm: whether it must bring first data within the confirm timeout.
        on_take: of a connection that takes tokens over from others, each with its first full book:
            hears which, before anything is recorded of it. None where the tokens are its own at once.
    """

    def __init__(
        self,
        services: Services,
        shard: int,
        tokens: Iterable[Token],
        *,
        reason: str,
        attempt: int,
        confirm: bool,
        on_take: "Callable[[Link, list[Token]], None] | None" = None,
    ) -> None:
        self._services = services
        self._log = services.log
        self._shard = shard
        given = {token.key: token for token in tokens}
        self._tokens: dict[bytes, Token] = {} if on_take else given
        self._to_take: dict[bytes, Token] = given if on_take else {}
        self._on_take = on_take
        self._reason = reason
        self._attempt = attempt
        self._confirm = confirm
        self._connection: Connection | None = None
        self._live = Liveness(services.config, clock.mono_ns(), confirm)
        self._reception = Reception(services, shard, self._live, self._tokens, self._to_take, self._take_over)
        self.received = self._reception.received
        """Takes the messages of one read."""
        self._gone = asyncio.Event()
        self.conn = 0
        self.cause: str | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether the handshake is done and the connection not yet gone."""
        return self._connection is not None and not self._gone.is_set()

    @property
    def data_frames(self) -> int:
        """Return how many frames of data came."""
        return self._live.data_frames

    @property
    def is_subscribed(self) -> bool:
        """Tell whether it is open and is to stay."""
        return self.is_open and self.cause is None

    @property
    def last_data_ns(self) -> int:
        """Return when data last came, of any token."""
        return self._live.last_data_ns

    @property
    def last_answer_ns(self) -> int:
        """Return when the venue last showed that it knows of a subscription: by data, or by none at hand."""
        return max(self._live.last_data_ns, self._reception.last_empty_ns)

    @property
    def seen(self) -> list[int]:
        """Return how many messages the scan took for what, by `Seen`."""
        return self._reception.seen

    @property
    def opened_ns(self) -> int:
        """Return when the handshake was done."""
        return self._live.opened_ns

    @property
    def tokens(self) -> list[Token]:
        """Return the tokens that it brings, those not taken over yet left out."""
        return list(self._tokens.values())

    @property
    def to_take(self) -> list[Token]:
        """Return the tokens that it is still to take over."""
        return list(self._to_take.values())

    async def run(self) -> None:
        """Dial, watch, and return when the connection is gone; `cause` then says why.

        Raises:
            DialError: it could not be opened.
        """
        try:
            await self._services.dialer.dial(self)
        finally:
            if self._connection is not None:
                watchdog = Watchdog(self, self._live, self._gone, self._services.witness)
                await watchdog.watch(self._connection)

    def close(self, cause: str) -> None:
        """Start closing an open connection; what still arrives is recorded until it is gone."""
        if self._connection is not None and self.cause is None:
            self.cause = cause
            self._connection.close()

    def subscribe(self, tokens: Sequence[Token], reason: str) -> None:
        """Add tokens; said on the socket only while it is open and not being closed."""
        self.catch_up()
        now_ns = clock.mono_ns()
        for token in tokens:
            self._tokens[token.key] = token
            self._begin(token, now_ns)
        if self.is_subscribed:
            self._send(messages.subscribe(_ids(tokens)))
            self._subscribed(tokens, reason)

    def take_back(self, tokens: Sequence[Token]) -> None:
        """Bring tokens again that another connection took over and lost; the venue still sends them here."""
        self.catch_up()
        now_ns = clock.mono_ns()
        for token in tokens:
            self._tokens[token.key] = token
            self._begin(token, now_ns)
        if tokens and self.is_subscribed:
            self.ask_again(tokens)

    def unsubscribe(self, tokens: Sequence[Token], reason: str) -> None:
        """End tokens; said on the socket only while it is open and not being closed."""
        self.let_go(tokens)
        if self.is_subscribed:
            self._send(messages.unsubscribe(_ids(tokens)))
            self._control(Control.UNSUBSCRIBED, {"tokens": _ids(tokens), "reason": reason})

    def ask_again(self, tokens: Sequence[Token]) -> None:
        """Unsubscribe and subscribe on the open socket, which makes the venue send full books."""
        ids = _ids(tokens)
        self._send(messages.unsubscribe(ids))
        self._control(Control.UNSUBSCRIBED, {"tokens": ids, "reason": "redrive"})
        self._send(messages.subscribe(ids))
        self._subscribed(tokens, "redrive")

    def let_go(self, tokens: Iterable[Token]) -> None:
        """Forget tokens that another connection brings from now on, or nobody."""
        for token in tokens:
            self._tokens.pop(token.key, None)
            self._to_take.pop(token.key, None)

    def catch_up(self) -> None:
        """Bring what the tokens know of themselves up to the last frame."""
        self._reception.catch_up()

    def carries(self, token: Token) -> bool:
        """Tell whether it subscribes to a token, taken over or not."""
        return token.key in self._tokens or token.key in self._to_take

    def take_rest(self) -> None:
        """Take over what is left of a connection that has ended; its own gap record says what that cost."""
        tokens = [token for token in self.to_take if token.link is None or not token.link.is_open]
        if tokens:
            self._take(tokens)

    def lost(self, tokens: Iterable[Token]) -> None:
        """Record that the stream lost something of tokens since their last data."""
        for token in tokens:
            self._gap("silent", [token], token.heard_ns)

    def say(self, control: Control, fields: JsonObject) -> None:
        """Append a control record of this connection."""
        self._control(control, fields)

    def opened(self, connection: Connection) -> None:
        """Number the connection and subscribe: the first message is the subscription (rule W7)."""
        self._connection = connection
        self.conn = self._services.next_conn()
        self._live = Liveness(self._services.config, clock.mono_ns(), self._confirm)
        self._reception.begin(self.conn, self._live)
        self._control(Control.OPENED, {"url": self._services.dialer.shown_url, "attempt": self._attempt})
        tokens = [*self._tokens.values(), *self._to_take.values()]
        self._services.on_event(
            "connected",
            {"shard": self._shard, "conn": self.conn, "attempt": self._attempt, "tokens": len(tokens)},
        )
        if not tokens:  # they all left the universe while the handshake went on
            self.close("stop")
            return
        now_ns = self._live.opened_ns
        for token in self._tokens.values():
            self._begin(token, now_ns)
        self._send(messages.subscription(_ids(tokens)))
        self._subscribed(tokens, self._reason)

    def ended(self, ended: Ended) -> None:
        """Record the end and what it costs."""
        if self.cause is None:
            self.cause = "network" if ended.code is None else "venue"
        self._control(Control.CLOSED, {"code": ended.code, "reason": ended.reason, "cause": self.cause})
        tokens = self.tokens
        if self.cause == "rotation":  # what has no book loses none, and the new connection asks for it too
            tokens = [token for token in tokens if not token.waiting]
        if self.cause != "stop" and tokens:
            # How much was lost nobody knows; it began after the last frame and lasts until the next books.
            self._gap("closed", tokens, self._live.last_frame_ns)
        self._gone.set()
        self._services.on_event(
            "disconnected",
            {
                "shard": self._shard,
                "conn": self.conn,
                "cause": self.cause,
                "code": ended.code,
                "reason": ended.reason,
                "tokens": len(self._tokens),
            },
        )

    def _begin(self, token: Token, now_ns: int) -> None:
        token.link = self
        token.asked(now_ns, Rung.ASKED)
        token.lost = False
        token.heard_ns = token.proved_ns = now_ns
        token.shown = None

    def _take_over(self, tokens: list[Token]) -> None:
        assert self._on_take is not None
        self._on_take(self, tokens)
        self._take(tokens)

    def _take(self, tokens: Sequence[Token]) -> None:
        self.catch_up()
        now_ns = clock.mono_ns()
        for token in tokens:
            self._to_take.pop(token.key, None)
            self._tokens[token.key] = token
            self._begin(token, now_ns)
        self._control(Control.HANDOVER, {"tokens": _ids(tokens)})

    def _gap(self, cause: str, tokens: Iterable[Token], since_ns: int) -> None:
        self._control(
            Control.GAP,
            {
                "cause": cause,
                "tokens": _ids(tokens),
                "frames": 0,
                "bytes": 0,
                "first_mono_ns": since_ns,
                "last_mono_ns": None,
            },
        )

    def _subscribed(self, tokens: Iterable[Token], reason: str) -> None:
        self._control(Control.SUBSCRIBED, {"tokens": _ids(tokens), "reason": reason})

    def _control(self, control: Control, fields: JsonObject) -> None:
        self._log.control(self._shard, self.conn, control, fields)

    def _send(self, frames: Iterable[bytes]) -> None:
        assert self._connection is not None
        for frame in frames:
            self._connection.send_text(frame)


def _ids(tokens: Iterable[Token]) -> list[str]:
    return [token.asset_id for token in tokens]
