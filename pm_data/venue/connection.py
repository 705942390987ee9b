"""One WebSocket connection: sockets by asyncio, the protocol by websockets' Sans-I/O core and our splitter.

Messages go synchronously from the socket read to the listener, so that a stamp
is the time of the read and nothing waits in between. No compression is offered
(rule W4), and text is not checked: what came is what is recorded.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import SEND_EOF, State
from websockets.uri import WebSocketURI

from pm_data import clock
from pm_data.bundle.format import MAX_PAYLOAD
from pm_data.venue.splitter import Splitter

CLOSE_TIMEOUT_SECONDS = 1.0
"""How long the other side may take to answer a close; until then its messages are still received (A3)."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a connection ended.

    Args:
        code: the close code received; None when the other side sent no close frame.
        reason: the close reason received, else what went wrong in words.
    """

    code: int | None
    reason: str


class Listener(Protocol):
    """Who hears what happens on a connection; every call comes from the event loop, in order."""

    def opened(self, connection: "Connection") -> None:
        """Hear that the handshake is done; what is sent here is the first message."""

    def received(self, payloads: Sequence[bytes], binary: bool, mono_ns: int, wall_ns: int) -> None:
        """Hear whole messages of one kind, at least one, with the clocks at the read that completed them."""

    def ended(self, ended: Ended) -> None:
        """Hear that an opened connection is gone."""


class Connection(asyncio.BufferedProtocol):
    """A client connection; make one per attempt and hand it to `loop.create_connection`."""

    def __init__(self, uri: WebSocketURI, listener: Listener) -> None:
        self._listener = listener
        self._protocol = ClientProtocol(uri, max_size=MAX_PAYLOAD)
        self._splitter = Splitter(self._protocol, MAX_PAYLOAD)
        self._transport: asyncio.Transport | None = None
        self._handshake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parts: list[bytes | bytearray | memoryview] = []
        self._binary = False
        self._opened = False
        self._closing: asyncio.TimerHandle | None = None

    async def opened(self) -> None:
        """Wait for the handshake.

        Raises:
            InvalidHandshake: the other side refused, or speaks no WebSocket.
            ConnectionError: it hung up.
        """
        await self._handshake

    def send_text(self, message: bytes) -> None:
        """Send one text message; on a connection that is closing it is lost."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_text(message)
            self._flush()

    def close(self) -> None:
        """Start the closing handshake; messages are still heard until it is done, for at most 1 s."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush()

    def abort(self) -> None:
        """End the connection now, whatever its state."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the handshake."""
        self._transport = cast(asyncio.Transport, transport)
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the place of the next read."""
        return self._splitter.room()

    def buffer_updated(self, nbytes: int) -> None:
        """Stamp one read and deliver the messages that it completed."""
        mono_ns = clock.mono_ns()
        wall_ns = clock.wall_ns()
        for part in self._splitter.split(nbytes):
            if isinstance(part, list):
                self._listener.received(part, False, mono_ns, wall_ns)
            elif isinstance(part, Frame):
                self._frame(part, mono_ns, wall_ns)
            elif isinstance(part, Response) and self._protocol.handshake_exc is None:
                self._open()
        if self._protocol.handshake_exc is not None:
            self._refuse(self._protocol.handshake_exc)
        self._flush()

    def eof_received(self) -> None:
        """Let the protocol finish; returning None closes the transport."""
        self._protocol.receive_eof()
        if not self._opened:
            self._refuse(self._protocol.handshake_exc or ConnectionResetError("hung up"))
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the listener how it ended."""
        if self._closing is not None:
            self._closing.cancel()
        self._protocol.receive_eof()
        if not self._opened:
            self._refuse(exc or ConnectionResetError("hung up"))
            return
        self._listener.ended(self._outcome(exc))

    def _frame(self, frame: Frame, mono_ns: int, wall_ns: int) -> None:
        opcode = frame.opcode
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if frame.fin:
                self._listener.received([bytes(frame.data)], opcode is Opcode.BINARY, mono_ns, wall_ns)
            else:
                self._binary = opcode is Opcode.BINARY
                self._parts = [frame.data]
        elif opcode is Opcode.CONT:
            self._parts.append(frame.data)
            if frame.fin:
                payload = b"".join(self._parts)
                self._parts = []
                self._listener.received([payload], self._binary, mono_ns, wall_ns)

    def _open(self) -> None:
        self._opened = True
        self._listener.opened(self)
        if not self._handshake.done():
            self._handshake.set_result(None)

    def _refuse(self, error: Exception) -> None:
        if not self._handshake.done():
            self._handshake.set_exception(error)
            self._handshake.exception()  # heard: a dial that was cancelled has nobody left to ask
        self.abort()

    def _flush(self) -> None:
        transport = self._transport
        assert transport is not None
        for data in self._protocol.data_to_send():
            if data == SEND_EOF:
                if transport.can_write_eof() and not transport.is_closing():
                    transport.write_eof()
            elif not transport.is_closing():
                transport.write(data)
        if self._closing is None and self._protocol.close_expected():
            loop = asyncio.get_running_loop()
            self._closing = loop.call_later(CLOSE_TIMEOUT_SECONDS, transport.abort)

    def _outcome(self, exc: Exception | None) -> Ended:
        received = self._protocol.close_rcvd
        if received is not None:
            return Ended(int(received.code), received.reason)
        if isinstance(exc, OSError):
            return Ended(None, exc.strerror or str(exc))
        broken = self._protocol.parser_exc
        if broken is not None and not isinstance(broken, EOFError):
            return Ended(None, f"protocol error: {broken}")
        return Ended(None, "ended without a close frame")
