"""What arrives on one connection: each message recorded, and noted what it proves."""

from collections.abc import Callable, Mapping, Sequence

from pm_data._fast import intake
from pm_data.venue.liveness import Liveness
from pm_data.venue.scan import Seen, scan
from pm_data.venue.services import Services
from pm_data.venue.token import Rung, Token
from pm_data.venue.unread import Unread

_DATA = int(Seen.DATA)
"""To index with an enum's member costs three times as much."""


class Reception:
    """The messages of one connection.

    Args:
        live: is told of frames and data.
        tokens: those that the connection brings, by their ids as bytes; its owner changes them.
        to_take: those that it is still to take over, likewise.
        take_over: moves tokens from the one to the other and says so in the stream.
    """

    def __init__(
        self,
        services: Services,
        shard: int,
        live: Liveness,
        tokens: Mapping[bytes, Token],
        to_take: Mapping[bytes, Token],
        take_over: Callable[[list[Token]], None],
    ) -> None:
        self._log = services.log
        self._on_news = services.on_news
        self._shard = shard
        self._conn = 0
        self._live = live
        self._tokens = tokens
        self._to_take = to_take
        self._take_over = take_over
        self._unread = Unread()
        self._dropping = False
        self.last_empty_ns = 0
        """When the venue last said that it has no book of what was asked for."""
        self.seen = [0] * len(Seen)
        """How many messages the scan took for what."""

    def begin(self, conn: int, live: Liveness) -> None:
        """Note the number and the watchdogs that the connection has got with its handshake."""
        self._conn = conn
        self._live = live

    def received(self, payloads: Sequence[bytes], binary: bool, mono_ns: int, wall_ns: int) -> None:
        """Record the messages of one read and note what they prove."""
        if not self._to_take and self._log.frames(
            self._shard, self._conn, payloads, binary=binary, mono_ns=mono_ns, wall_ns=wall_ns
        ):
            self._dropping = False
            self._note(payloads, mono_ns, kept=True)
            return
        for payload in payloads:
            if self._to_take:
                self._hand_over(payload)
            kept = self._log.frame(
                self._shard, self._conn, payload, binary=binary, mono_ns=mono_ns, wall_ns=wall_ns
            )
            self._note((payload,), mono_ns, kept=kept)
            if not kept and not self._dropping:
                self._wait_for_books(mono_ns)
            self._dropping = not kept

    def catch_up(self) -> None:
        """Bring what the tokens know of themselves up to the last message."""
        self._unread.read(self._tokens)

    def _note(self, payloads: Sequence[bytes], mono_ns: int, *, kept: bool) -> None:
        """Note what messages of one read prove; nearly all are ordinary changes, which need no scan."""
        unusual = intake.unusual(payloads)
        self.seen[_DATA] += len(payloads) - len(unusual)
        no_data = set()
        for payload in unusual:
            seen, books = scan(payload)
            self.seen[seen] += 1
            if seen is not Seen.DATA:
                self._note_other(seen, payload, mono_ns)
                if seen is not Seen.RESOLVED:
                    no_data.add(payload)
            elif kept:
                for key in books:
                    token = self._tokens.get(key)
                    if token is not None:
                        token.confirmed()
        data = [payload for payload in payloads if payload not in no_data] if no_data else payloads
        live = self._live
        live.last_frame_ns = mono_ns
        if data:
            live.data_frames += len(data)
            live.last_data_ns = mono_ns
            self._unread.add(data, mono_ns)

    def _note_other(self, seen: Seen, payload: bytes, mono_ns: int) -> None:
        """Note a message that is no data of a book."""
        if seen is Seen.EMPTY:
            self.last_empty_ns = mono_ns
        elif seen is Seen.RESOLVED or seen is Seen.NEW_MARKET:
            self._on_news(seen, payload)

    def _wait_for_books(self, mono_ns: int) -> None:
        """Every book of the connection is suspect from the first dropped message on."""
        for token in self._tokens.values():
            token.asked(mono_ns, Rung.ASKED)

    def _hand_over(self, payload: bytes) -> None:
        """Take the tokens over that this message brings the first full book of (SPEC 12: handover)."""
        _seen, books = scan(payload)
        tokens = [self._to_take[key] for key in dict.fromkeys(books) if key in self._to_take]
        if tokens:
            self._take_over(tokens)
