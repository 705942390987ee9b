"""A client's WebSocket, seen from the venue.

websockets' Sans-I/O protocol does the handshake, pings and closes. Text frames
to the client are made here: the venue decides about every byte it sends, and a
message for many clients is framed once.
"""

import asyncio
from collections.abc import Callable

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

_SLOW_CLOSE_SECONDS = 5.0


def text_frame(payload: bytes) -> bytes:
    """Return the bytes of an unmasked text frame."""
    size = len(payload)
    if size < 126:
        return b"\x81" + size.to_bytes(1, "big") + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class WebSocket:
    """One WebSocket on a transport; its first bytes are the handshake request.

    Args:
        on_open: called once the handshake is accepted, before the answer leaves; may send nothing.
        on_text: called with each whole text of the client.
        send_buffer_bytes: what may wait for the client before it is closed as a slow consumer.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        on_open: Callable[[], None],
        on_text: Callable[[str], None],
        send_buffer_bytes: int,
    ) -> None:
        self._transport = transport
        self._on_open = on_open
        self._on_text = on_text
        self.send_buffer_bytes = send_buffer_bytes
        self._protocol = ServerProtocol()
        self._parts: list[bytes] = []
        self._text = False
        self._waiting: list[bytes] = []
        self._abort: asyncio.TimerHandle | None = None
        self.answers_close = True
        """Whether a client that says goodbye is answered; False is a fault."""

    def queue(self, frame: bytes) -> bool:
        """Take a frame for the next `flush`; False when the connection is closing and sends no more."""
        if self._protocol.state is not State.OPEN:
            return False
        self._waiting.append(frame)
        return True

    def flush(self) -> None:
        """Write the queued frames; a client that left too much unread is closed."""
        self._write_waiting()
        waiting_bytes = self._transport.get_write_buffer_size()
        if waiting_bytes > self.send_buffer_bytes and self._protocol.state is State.OPEN:
            self.close(CloseCode.TRY_AGAIN_LATER, "slow consumer: send buffer full")
            loop = asyncio.get_running_loop()
            self._abort = loop.call_later(_SLOW_CLOSE_SECONDS, self._transport.abort)

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._write_protocol()

    def receive(self, data: bytes) -> None:
        """Act on bytes of the client."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._protocol.send_response(self._protocol.accept(event))
                if self._protocol.state is State.OPEN:
                    self._on_open()
            elif isinstance(event, Frame):
                self._frame(event)
        self._write_protocol()

    def write_raw(self, data: bytes) -> None:
        """Write bytes that need be no frame."""
        self._write_waiting()
        if not self._transport.is_closing():
            self._transport.write(data)

    def hang_up(self) -> None:
        """End the connection without a close frame, after what was written."""
        self._transport.close()

    def abort(self) -> None:
        """End the connection now."""
        self._transport.abort()

    def stop_reading(self) -> None:
        """Read nothing more, so that not even the end of the connection is noticed."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def lost(self) -> None:
        """Note that the transport is gone."""
        if self._abort is not None:
            self._abort.cancel()
        self._protocol.receive_eof()

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._text = frame.opcode is Opcode.TEXT
            self._parts = [bytes(frame.data)]
        elif frame.opcode is Opcode.CONT:
            self._parts.append(bytes(frame.data))
        else:
            return
        if not frame.fin or not self._text or self._protocol.state is not State.OPEN:
            return
        try:
            text = b"".join(self._parts).decode("utf-8")
        except UnicodeDecodeError:
            self._protocol.fail(CloseCode.INVALID_DATA, "text that is not UTF-8")
            return
        self._on_text(text)

    def _write_waiting(self) -> None:
        if self._waiting and not self._transport.is_closing():
            self._transport.write(b"".join(self._waiting))
        self._waiting.clear()

    def _write_protocol(self) -> None:
        self._write_waiting()
        if not self.answers_close and self._protocol.close_rcvd is not None:
            return
        for data in self._protocol.data_to_send():
            if data == SEND_EOF:
                self._transport.close()
            elif not self._transport.is_closing():
                self._transport.write(data)
