"""The splitter against websockets' protocol alone: the same bytes, in any pieces, give the same."""

import random

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri
from websockets.utils import accept_key

from pm_data.venue.splitter import READ_BYTES, Splitter

MAX_SIZE = 300_000

Outcome = tuple[list[tuple[int, bool, bytes]], str, str, str, list[int]]


def asking() -> tuple[ClientProtocol, bytes]:
    """Return a protocol that has sent its handshake, and the answer that it waits for."""
    protocol = ClientProtocol(parse_uri("ws://localhost/"), max_size=MAX_SIZE)
    request = protocol.connect()
    protocol.send_request(request)
    protocol.data_to_send()
    accept = accept_key(request.headers["Sec-WebSocket-Key"])
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    return protocol, "\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}", "", ""]).encode()


def outcome(protocol: ClientProtocol, frames: list[Frame]) -> Outcome:
    heard = [(int(frame.opcode), frame.fin, bytes(frame.data)) for frame in frames]
    # A masked frame has a random key: what was sent is compared by its size.
    sent = [len(data) for data in protocol.data_to_send()]
    error = protocol.handshake_exc or protocol.parser_exc
    return (
        heard,
        type(error).__name__,
        str(protocol.close_rcvd),
        protocol.state.name,
        bytes(str(sent), "ascii"),
    )


def by_websockets(stream: bytes) -> Outcome:
    protocol, answer = asking()
    protocol.receive_data(answer + stream)
    return outcome(protocol, [event for event in protocol.events_received() if isinstance(event, Frame)])


def by_splitter(stream: bytes, rng: random.Random, most: int) -> Outcome:
    protocol, answer = asking()
    splitter = Splitter(protocol, MAX_SIZE)
    stream = answer + stream
    frames: list[Frame] = []
    at = 0
    while at < len(stream):
        room = splitter.room()
        assert 0 < len(room) <= max(MAX_SIZE + 10, READ_BYTES)
        piece = stream[at : at + min(len(room), rng.randint(1, most))]
        room[: len(piece)] = piece
        at += len(piece)
        for part in splitter.split(len(piece)):
            if isinstance(part, list):
                assert part
                frames += [Frame(Opcode.TEXT, payload) for payload in part]
            elif isinstance(part, Frame):
                frames.append(part)
    return outcome(protocol, frames)


def frame(first: int, payload: bytes, *, mask: bool = False) -> bytes:
    bit = 0x80 if mask else 0
    size = len(payload)
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 65_536:
        head = bytes([first, bit | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, bit | 127]) + size.to_bytes(8, "big")
    return head + (bytes(4) if mask else b"") + payload


def random_stream(rng: random.Random) -> bytes:
    parts = []
    for _ in range(rng.randrange(12)):
        size = rng.choice([0, 1, 40, 125, 126, 700, 65_535, 65_536, 70_000, 200_000])
        payload = rng.randbytes(size)
        choice = rng.randrange(10)
        if choice < 6:
            parts.append(frame(0x81, payload))
        elif choice == 6:
            parts.append(frame(0x82, payload))
        elif choice == 7:
            parts += [frame(0x01, payload), frame(0x89, b"ping"), frame(0x00, b"more"), frame(0x80, b"end")]
        else:
            parts.append(frame(rng.choice([0x89, 0x8A]), payload[:125]))
    oddity = rng.randrange(8)
    if oddity == 0:
        parts.insert(rng.randrange(len(parts) + 1), frame(0x88, b"\x03\xe8bye"))
    elif oddity == 1:
        first = rng.randrange(256)
        parts.insert(rng.randrange(len(parts) + 1), frame(first, rng.randbytes(rng.randrange(200))))
    elif oddity == 2:
        parts.insert(rng.randrange(len(parts) + 1), frame(0x81, b"masked", mask=True))
    elif oddity == 3:
        parts.insert(rng.randrange(len(parts) + 1), frame(0x81, bytes(MAX_SIZE + rng.randrange(-12, 2))))
    stream = b"".join(parts)
    if oddity == 4:
        stream = stream[: rng.randrange(len(stream) + 1)]
    elif oddity == 5 and stream:
        damaged = bytearray(stream)
        damaged[rng.randrange(min(len(damaged), 300))] = rng.randrange(256)
        stream = bytes(damaged)
    return stream


@pytest.mark.parametrize("most", [10, 3_000, READ_BYTES])
def test_any_stream_in_any_pieces(most: int) -> None:
    rng = random.Random(seed := random.randrange(2**32))
    for number in range(60 if most > 10 else 6):
        stream = random_stream(rng)
        assert by_splitter(stream, rng, most) == by_websockets(stream), (seed, number)


@pytest.mark.parametrize(
    "stream",
    [
        b"\x81\x7f" + (2**63 - 5).to_bytes(8, "big"),
        b"\x81\x7f" + (2**64 - 1).to_bytes(8, "big"),
        b"\x81\x7e\x00\x05small",
        b"\x83\x00",
        b"\xc1\x01x",
        b"\x09\x00",
        b"\x89\x7e\x00\x7e" + bytes(126),
        b"\x80\x00",
        frame(0x01, b"part") + frame(0x81, b"whole"),
        frame(0x88, b"") + frame(0x81, b"after the close"),
        frame(0x88, b"\x03"),
    ],
)
def test_what_no_server_may_send(stream: bytes) -> None:
    stream = frame(0x81, b"before") + stream + frame(0x81, b"behind")
    assert by_splitter(stream, random.Random(1), 5) == by_websockets(stream)


def test_room_for_a_large_message_is_given_back() -> None:
    protocol, answer = asking()
    splitter = Splitter(protocol, MAX_SIZE)
    stream = answer + frame(0x81, bytes(250_000)) + frame(0x81, b"next")
    rooms = []
    while stream:
        room = splitter.room()
        rooms.append(len(room))
        size = min(len(room), len(stream))
        room[:size] = stream[:size]
        stream = stream[size:]
        list(splitter.split(size))
    assert max(rooms) > READ_BYTES
    assert len(splitter.room()) == READ_BYTES


def test_answer_without_an_end_is_refused_by_websockets() -> None:
    protocol, _ = asking()
    splitter = Splitter(protocol, MAX_SIZE)
    for _ in range(3):
        room = splitter.room()
        room[:] = b"x" * len(room)
        list(splitter.split(len(room)))
    assert protocol.handshake_exc is not None
