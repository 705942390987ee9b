"""The receive path's loops over the messages of one socket read: from protocol frames to waiting records."""

from collections.abc import Iterable, Sequence
from typing import Any

from pm_data.frame import Kind, Record

_CONTROL = int(Kind.CONTROL)
_USUAL_TAILS = (
    b'"event_type":"price_change"}',
    b'"event_type":"tick_size_change"}',
    b'"event_type":"best_bid_ask"}',
)
"""The type stands last in most of the venue's objects."""

_HEAD_BYTES = 96
"""Reaches in the venue's price changes to the market and no further, in its books into the token."""

_TAIL_BYTES = 24
"""Tells the venue's types apart."""


def whole_texts(frames: Iterable[Any], text: object) -> list[bytes] | None:
    """Return the payloads of WebSocket frames, if each is a text in one piece; else None.

    Args:
        frames: objects with `opcode`, `fin` and `data`, as websockets' Sans-I/O protocol gives them.
        text: the opcode of a text.
    """
    payloads = []
    for frame in frames:
        if frame.opcode is not text or not frame.fin:
            return None
        payloads.append(bytes(frame.data))
    return payloads


def append_frames(
    queue: list[Record],
    payloads: Iterable[bytes],
    shard: int,
    seq: int,
    kind: int,
    conn: int,
    mono_ns: int,
    wall_ns: int,
) -> None:
    """Append a record for each payload; numbers and stamps go up by one from record to record."""
    for payload in payloads:
        queue.append(Record(shard, seq, kind, 0, 0, conn, mono_ns, wall_ns, payload))
        seq += 1
        mono_ns += 1


def count_frames(records: Iterable[Record]) -> tuple[int, int]:
    """Return how many records are frames, and the bytes of their payloads."""
    frames = size = 0
    for record in records:
        if record.kind != _CONTROL:
            frames += 1
            size += len(record.payload)
    return frames, size


def unusual(payloads: Iterable[bytes]) -> list[bytes]:
    """Return the payloads whose end does not show them to be an ordinary change of a book."""
    return [
        payload for payload in payloads if not (payload.startswith(b"{") and payload.endswith(_USUAL_TAILS))
    ]


def newest_of_each(reads: Sequence[tuple[int, Sequence[bytes]]]) -> list[tuple[int, bytes]]:
    """Return the newest message of each market and type, and its stamp, the newest first.

    Args:
        reads: stamps and the messages that they belong to, the oldest first.
    """
    found = []
    known = set()
    for stamp, payloads in reversed(reads):
        for payload in reversed(payloads):
            kind = payload[:_HEAD_BYTES] + payload[-_TAIL_BYTES:]
            if kind not in known:
                known.add(kind)
                found.append((stamp, payload))
    return found
