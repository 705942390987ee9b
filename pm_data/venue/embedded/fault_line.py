"""A market channel client on a line that misbehaves."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from websockets.frames import CloseCode

from pm_data.venue.embedded import fault_frames as frames
from pm_data.venue.embedded.book import MarketBook
from pm_data.venue.embedded.channel_client import ChannelClient
from pm_data.venue.embedded.fault_plan import FaultPlan
from pm_data.venue.embedded.faults import Fault
from pm_data.venue.embedded.market_channel import PONG
from pm_data.venue.embedded.websocket import WebSocket, text_frame

if TYPE_CHECKING:
    from pm_data.venue.embedded.connection import Hub

_VIOLATIONS = {
    "rsv": b"\xf1\x02hi",
    "opcode": b"\x83\x02hi",
    "masked": b"\x81\x82\0\0\0\0hi",
    "continuation": b"\x80\x02hi",
    "long_ping": b"\x89\x7e\x00\x80" + bytes(128),
    "close_code": b"\x88\x02\x00\x01",
    "too_big": b"\x81\x7f" + (65 * 1024 * 1024).to_bytes(8, "big") + bytes(1024),
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


class FaultyClient(ChannelClient):
    """A client whose messages go through the faults that hit its connection."""

    def __init__(self, hub: "Hub", websocket: WebSocket, plan: FaultPlan) -> None:
        super().__init__(hub, websocket)
        self._plan = plan
        self._number = len(hub.sent)
        self._filters: list[frames.Filter] = []
        self._framing = frames.Filter()
        self._subscribed = False
        self._mute = False
        self._frozen = False
        self._silent_after_opening = False
        self._pong_seconds = 0.0
        self._opening_seconds = 0.0
        self._burst_seconds = 0.0
        self._held: list[bytes] = []
        self._seen: set[str] = set()
        for fault in plan.faults:
            self._arm(fault)

    def send_opening(self, books: Sequence[tuple[MarketBook, int]]) -> None:
        """Send the opening books that the faults leave, when they leave them."""
        if not self._subscribed:
            self._subscribed = True
            self._start()
        self._meet_tokens(books)
        for each in self._filters:
            books = each.opening(books)
        if self._opening_seconds:
            shown = list(books)
            self._later(self._opening_seconds, lambda: super(FaultyClient, self).send_opening(shown))
        else:
            super().send_opening(books)

    def deliver(self, payload: bytes, frame: bytes) -> None:
        """Pass a message through the faults."""
        if payload == PONG:
            if self._pong_seconds:
                self._later(self._pong_seconds, lambda: self._emit(payload))
            else:
                self._emit(payload)
            return
        if self._frozen:
            return
        passed = [payload]
        for each in self._filters:
            passed = [out for message in passed for out in each.pass_on(message)]
        for message in passed:
            if self._burst_seconds:
                self._hold(message)
            else:
                self._emit(message)
        if self._silent_after_opening and payload.startswith(b"["):
            self._frozen = True

    def _emit(self, payload: bytes) -> None:
        if not self._mute:
            super().deliver(payload, self._framing.frame(payload))

    def _arm(self, fault: Fault) -> None:
        """Take up what a fault does from the handshake on."""
        name, draw = fault.name, self._plan.draw(fault, self._number)
        if name in ("duplicate", "lost", "reorder"):
            kind = {"duplicate": frames.Duplicate, "lost": frames.Lost, "reorder": frames.Reorder}[name]
            self._filters.append(kind(fault, draw))
        elif name == "malformed":
            if fault.word("kind") in ("binary", "fragments"):
                self._framing = frames.OddFraming(fault, draw)
            else:
                self._filters.append(frames.Malformed(fault, draw))
        elif name == "cliff":
            self._filters.append(frames.Cliff(fault))
        elif name == "huge_opening":
            self._websocket.send_buffer_bytes += 10 * fault.count("bytes")
            self._filters.append(frames.HugeOpening(fault))
        elif name == "burst":
            self._burst_seconds = fault.seconds("seconds")
        elif name in ("slow_start", "pong_delay", "silence", "no_close_answer"):
            if not self._plan.hits(fault, fault.count("conns")):
                return
            if name == "slow_start":
                self._opening_seconds = fault.seconds("seconds")
            elif name == "pong_delay":
                self._pong_seconds = fault.seconds("seconds")
            elif name == "silence":
                self._silent_after_opening = True
            else:
                self._websocket.answers_close = False

    def _start(self) -> None:
        """Set the clocks of the faults that come some time after the subscription."""
        actions: dict[str, Callable[[Fault], None]] = {
            "close": self._close_with,
            "half_open": lambda _fault: self._go_deaf(),
            "freeze": lambda _fault: self._freeze(),
            "torn": lambda _fault: self._tear(),
            "violation": lambda fault: self._raw(_VIOLATIONS[fault.word("kind")]),
        }
        for fault in self._plan.faults:
            action = actions.get(fault.name)
            if action is not None and self._plan.hits(fault, fault.count("conns")):
                self._later(fault.seconds("after"), partial(action, fault))

    def _meet_tokens(self, books: Sequence[tuple[MarketBook, int]]) -> None:
        """Take up the faults of single tokens on the connections that carry them."""
        asset_ids = {book.listing.asset_ids[place] for book, place in books} - self._seen
        self._seen |= asset_ids
        for fault in self._plan.faults:
            if fault.name not in ("freeze_token", "no_first_book"):
                continue
            asset_id = self._plan.asset_id(fault)
            cure = fault.word("cure")
            if asset_id not in asset_ids or not self._plan.hits(fault, 0 if cure == "none" else 1):
                continue
            at_once = fault.name == "no_first_book"
            token = frames.SilentToken(asset_id, active=at_once, cured_by_asking=cure == "resubscribe")
            self._filters.append(token)
            if not at_once:
                self._later(fault.seconds("after"), token.begin)

    def _close_with(self, fault: Fault) -> None:
        code = fault.count("code")
        if code == CloseCode.ABNORMAL_CLOSURE:
            self._websocket.abort()
        else:
            reason = "slow consumer: send buffer full" if code == CloseCode.TRY_AGAIN_LATER else ""
            self._websocket.close(code, reason)

    def _go_deaf(self) -> None:
        self._mute = True
        self._websocket.stop_reading()

    def _freeze(self) -> None:
        self._frozen = True

    def _tear(self) -> None:
        self._raw(text_frame(b'{"event_type":"book","asset_id":"torn"}')[:-9])
        self._websocket.hang_up()
        self._mute = True

    def _raw(self, data: bytes) -> None:
        if not self._mute:
            self._websocket.write_raw(data)

    def _hold(self, payload: bytes) -> None:
        self._held.append(payload)
        if len(self._held) == 1:
            self._later(self._burst_seconds, self._release)

    def _release(self) -> None:
        held, self._held = self._held, []
        for payload in held:
            self._emit(payload)

    def _later(self, seconds: float, act: Callable[[], object]) -> None:
        def then() -> None:
            if not self.gone:
                act()
                self._hub.flush()

        asyncio.get_running_loop().call_later(seconds, then)
