"""Cuts what a socket brings into messages: texts in one piece itself, all else by websockets' protocol.

Nearly every message is such a text, and the protocol, made for every case, takes ten times as long
to cut one. It sees what it must judge: the handshake, parts of messages, binaries, pings, closes, and
whatever breaks the rules. It is given whole frames, so that between two of them it waits for nothing.
"""

from collections.abc import Iterator

from websockets.client import ClientProtocol
from websockets.protocol import Event, State

from pm_data._fast import intake

READ_BYTES = 64 * 1024
"""Most bytes of one read, but for the rest of a larger message."""

_HEAD_END = b"\r\n\r\n"
_IN_MESSAGE = 0x08
_FIN = 0x80


class Splitter:
    """The bytes of one connection, from the answer to its handshake on.

    Every read goes into one buffer. One made for each read and cut to what came, asyncio's way, leaves
    its place in the heap between the frames that are kept: memory then grows for hours.

    Args:
        protocol: sees the frames that are not texts in one piece; nobody else gives it data.
        max_size: a frame of more bytes is the protocol's to judge.
    """

    def __init__(self, protocol: ClientProtocol, max_size: int) -> None:
        self._protocol = protocol
        self._max_size = max_size
        self._buffer = bytearray(READ_BYTES)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._answered = False
        self._in_message = False
        self._passes_all = False

    def room(self) -> memoryview:
        """Return the place for the next read."""
        return self._view[self._filled :]

    def split(self, read_bytes: int) -> Iterator[list[bytes] | Event]:
        """Yield what a read into `room` completed: payloads of texts, and the protocol's events, in order."""
        end = self._filled + read_bytes
        at = 0
        if not self._answered:
            at = self._buffer.find(_HEAD_END, 0, end) + len(_HEAD_END)
            if at < len(_HEAD_END):
                at = end if end == len(self._buffer) else 0
            if not at:
                self._filled = end
                return
            self._answered = True
            yield from self._pass_on(0, at)
            self._passes_all = self._protocol.state is not State.OPEN
        size = 0
        while not self._passes_all:
            if not self._in_message:
                texts, at = intake.cut_texts(self._view, at, end)
                if texts:
                    yield texts
            size = intake.frame_size(self._view, at, end)
            if size < 0 or size > self._max_size:
                self._passes_all = True
            elif not size or size > end - at:
                break
            else:
                yield from self._pass_on(at, at + size)
                at += size
        if self._passes_all:
            if at < end:
                yield from self._pass_on(at, end)
            at = end
        self._keep(at, end, size)

    def _pass_on(self, start: int, end: int) -> Iterator[Event]:
        """Let the protocol have some bytes: the answer to the handshake, one frame, or all."""
        protocol = self._protocol
        first = self._view[start]
        protocol.receive_data(bytes(self._view[start:end]))
        if not first & _IN_MESSAGE:
            self._in_message = not first & _FIN
        yield from protocol.events_received()
        # After a close frame, and after an error, it discards what comes; so it must be the one to see it.
        if protocol.close_rcvd is not None or protocol.parser_exc is not None:
            self._passes_all = True

    def _keep(self, start: int, end: int, size: int) -> None:
        """Move the begin of a frame to the front, and see that its rest finds room."""
        rest = end - start
        capacity = READ_BYTES if rest < READ_BYTES else len(self._buffer)
        if rest == capacity:
            capacity = min(2 * capacity, max(size, capacity + 1))
        if capacity == len(self._buffer):
            self._view[:rest] = self._view[start:end]
        else:
            buffer = bytearray(capacity)
            buffer[:rest] = self._view[start:end]
            self._buffer, self._view = buffer, memoryview(buffer)
        self._filled = rest
