"""One accepted connection: REST requests, or a WebSocket on the market channel."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

from websockets.frames import CloseCode

from pm_data import jsonlib
from pm_data.venue.embedded.channel_client import ChannelClient
from pm_data.venue.embedded.fault_http import HttpFaults, Reply
from pm_data.venue.embedded.fault_line import FaultyClient
from pm_data.venue.embedded.fault_plan import FaultPlan
from pm_data.venue.embedded.http_head import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    Head,
    RequestError,
    answer,
    parse_head,
)
from pm_data.venue.embedded.market_channel import MarketChannel
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.embedded.replay_rest import ReplayRest
from pm_data.venue.embedded.rest import Rest
from pm_data.venue.embedded.sent_log import SentLog
from pm_data.venue.embedded.websocket import WebSocket

WEBSOCKET_PATH = "/ws/market"


@dataclass
class Hub:
    """What all connections of a venue share.

    Attributes:
        open: connections that are not lost yet.
        sent: what each WebSocket connection was sent, in the order of their handshakes.
        unflushed: WebSockets with queued frames.
        plan: what is to go wrong; None for a venue without faults.
    """

    options: VenueOptions
    rest: Rest | ReplayRest
    channel: MarketChannel
    plan: FaultPlan | None = None
    open: "set[VenueConnection]" = field(default_factory=set)
    sent: list[SentLog] = field(default_factory=list)
    unflushed: dict[WebSocket, SentLog] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.http_faults = None if self.plan is None else HttpFaults(self.plan, self.rest.answer)

    def flush(self) -> None:
        """Write everything queued."""
        unflushed, self.unflushed = self.unflushed, {}
        for websocket, sent in unflushed.items():
            websocket.flush()
            sent.flush()


class VenueConnection(asyncio.Protocol):
    """Reads requests until one asks for a WebSocket."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._head: Head | None = None
        self._websocket: WebSocket | None = None
        self._client: ChannelClient | None = None
        self._upgrading = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self._hub.open.add(self)

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        if self._websocket is not None:
            self._websocket.receive(data)
            self._hub.flush()
            return
        self._buffer += data
        if self._upgrading:
            return
        transport = self._open_transport()
        while not transport.is_closing() and self._websocket is None and self._serve(transport):
            pass

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the channel."""
        self._hub.open.discard(self)
        if self._websocket is not None:
            self._websocket.lost()
            self._hub.unflushed.pop(self._websocket, None)
        if self._client is not None:
            self._hub.channel.leave(self._client)
            self._client.close()

    def shut(self) -> None:
        """Say goodbye: a close frame on a WebSocket, the end on anything else."""
        if self._websocket is not None:
            self._websocket.close(CloseCode.GOING_AWAY, "")
        else:
            self._open_transport().close()

    def abort(self) -> None:
        """End the connection now."""
        self._open_transport().abort()

    def _open_transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    def _serve(self, transport: asyncio.Transport) -> bool:
        """Take one step through the buffer; False when it holds no more to act on."""
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
            if end < 0:
                if len(self._buffer) >= MAX_HEAD_BYTES:
                    self._refuse(transport, 431, f"the request head is longer than {MAX_HEAD_BYTES} bytes")
                return False
            try:
                head = parse_head(bytes(self._buffer[:end]))
            except RequestError as error:
                self._refuse(transport, 400, str(error))
                return False
            if head.upgrades and head.path == WEBSOCKET_PATH:
                self._upgrade(transport, end + 4)
                return False
            if head.body_bytes > MAX_BODY_BYTES:
                self._refuse(transport, 413, f"the body is longer than {MAX_BODY_BYTES} bytes")
                return False
            del self._buffer[: end + 4]
            self._head = head
        head = self._head
        if len(self._buffer) < head.body_bytes:
            return False
        body = bytes(self._buffer[: head.body_bytes])
        del self._buffer[: head.body_bytes]
        self._head = None
        if self._hub.http_faults is not None:
            self._answer_faultily(transport, head, self._hub.http_faults.reply(head, body))
            return False
        status, content = self._hub.rest.answer(head, body)
        transport.write(answer(status, content, keep_alive=head.keep_alive))
        if not head.keep_alive:
            transport.close()
        return True

    def _answer_faultily(self, transport: asyncio.Transport, head: Head, reply: Reply) -> None:
        """Answer later, or in part; a client that waits for its answer sends nothing meanwhile."""
        content = answer(reply.status, reply.body, keep_alive=head.keep_alive, headers=reply.headers)

        def write() -> None:
            if transport.is_closing():
                return
            transport.write(content[: len(content) - len(reply.body) // 2] if reply.cut else content)
            if reply.cut or not head.keep_alive:
                transport.close()
            elif self._buffer:
                self.data_received(b"")

        asyncio.get_running_loop().call_later(reply.delay_seconds, write)

    def _refuse(self, transport: asyncio.Transport, status: int, text: str) -> None:
        content = jsonlib.dumps({"error": text}).encode()
        transport.write(answer(status, content, keep_alive=False))
        transport.close()

    def _upgrade(self, transport: asyncio.Transport, head_bytes: int) -> None:
        plan = self._hub.plan
        if plan is None:
            self._begin_websocket(transport, head_bytes)
            return
        status, delay_seconds = plan.begin_handshake()

        def end() -> None:
            plan.end_handshake()
            if transport.is_closing():
                return
            if status is not None:
                self._refuse(transport, status, "too many handshakes")
                return
            self._begin_websocket(transport, head_bytes)

        self._upgrading = True
        asyncio.get_running_loop().call_later(delay_seconds, end)

    def _begin_websocket(self, transport: asyncio.Transport, head_bytes: int) -> None:
        received = bytes(self._buffer)
        self._buffer.clear()
        self._websocket = WebSocket(transport, self._joined, self._heard, self._hub.options.send_buffer_bytes)
        # The protocol takes frames only after its answer to the handshake.
        self._websocket.receive(received[:head_bytes])
        self._websocket.receive(received[head_bytes:])
        self._hub.flush()

    def _joined(self) -> None:
        assert self._websocket is not None
        plan = self._hub.plan
        if plan is None:
            self._client = ChannelClient(self._hub, self._websocket)
        else:
            self._client = FaultyClient(self._hub, self._websocket, plan)
        self._hub.channel.join(self._client)

    def _heard(self, text: str) -> None:
        assert self._client is not None
        self._hub.channel.hear(self._client, text)
