"""The receive path's loops over the messages of one socket read: from its bytes to waiting records."""

from collections.abc import Iterable, Sequence

from pm_data.frame import Kind, Record

_CONTROL = int(Kind.CONTROL)

_WHOLE_TEXT = 0x81
"""First byte of a WebSocket frame that is a text in one piece."""
_IS_CONTROL = 0x08
_FIRST_BYTES = frozenset((0x00, 0x01, 0x02, 0x80, _WHOLE_TEXT, 0x82, 0x88, 0x89, 0x8A))
"""Parts of messages, whole messages, close, ping and pong; without extensions no other bit is set."""
_LARGEST = 2**63 - 11
"""With the largest header it fits int64."""
_SMALL = 125
"""A larger size stands in two more bytes, or in eight; the second byte then says which."""

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


def cut_texts(data: memoryview, start: int, end: int) -> tuple[list[bytes], int]:
    """Cut WebSocket texts in one piece off `data[start:end]`; return their payloads and where that stopped.

    It stops at the end, at any other frame, and at a frame that is not all there.
    """
    payloads = []
    while end - start >= 2 and data[start] == _WHOLE_TEXT:
        size = frame_size(data, start, end)
        if not 0 < size <= end - start:
            break
        payload = start + _header_size(data[start + 1])
        start += size
        payloads.append(bytes(data[payload:start]))
    return payloads, start


def frame_size(data: memoryview, start: int, end: int) -> int:
    """Return how many bytes the WebSocket frame at `start` has, its header included.

    Returns:
        0 where its header is not all there; -1 where a server may send no such frame.
    """
    if start == end:
        return 0
    if data[start] not in _FIRST_BYTES:
        return -1
    if end - start < 2:
        return 0
    size = data[start + 1]
    if size > _SMALL + 2 or (data[start] & _IS_CONTROL and size > _SMALL):
        return -1
    header = _header_size(size)
    if end - start < header:
        return 0
    if size > _SMALL:
        size = int.from_bytes(data[start + 2 : start + header], "big")
        if size > _LARGEST:
            return -1
    return header + size


def _header_size(size: int) -> int:
    """Return the size of a header by its second byte."""
    return 2 if size <= _SMALL else 4 if size == _SMALL + 1 else 10


def frame_records(
    payloads: Iterable[bytes], shard: int, seq: int, kind: int, conn: int, mono_ns: int, wall_ns: int
) -> list[Record]:
    """Return a record for each payload; numbers and stamps go up by one from record to record."""
    return [
        Record(shard, seq + at, kind, 0, 0, conn, mono_ns + at, wall_ns, payload)
        for at, payload in enumerate(payloads)
    ]


def count_frames(records: Iterable[Record]) -> tuple[int, int]:
    """Return how many records are frames, and the bytes of their payloads."""
    frames = size = 0
    for record in records:
        if record.kind != _CONTROL:
            frames += 1
            size += len(record.payload)
    return frames, size


def by_shard(records: Iterable[Record]) -> dict[int, list[Record]]:
    """Return the records of each shard, in order."""
    groups: dict[int, list[Record]] = {}
    for record in records:
        groups.setdefault(record.shard, []).append(record)
    return groups


def parts(records: Sequence[Record], most_records: int, enough_bytes: int) -> list[list[Record]]:
    """Return records in parts of at most so many, each ended before by what makes it large enough."""
    found = []
    start = size = 0
    for end, record in enumerate(records):
        if end - start == most_records or size >= enough_bytes:
            found.append(list(records[start:end]))
            start, size = end, 0
        size += len(record.payload)
    found.append(list(records[start:]))
    return found


def numbered_on(records: Iterable[Record], first: int) -> list[Record]:
    """Return records with `first` added to their numbers."""
    return [Record._make((shard, seq + first, *others)) for shard, seq, *others in records]


def unusual(payloads: Iterable[bytes]) -> list[bytes]:
    """Return the payloads whose end does not show them to be an ordinary change of a book."""
    return [
        payload for payload in payloads if not (payload.startswith(b"{") and payload.endswith(_USUAL_TAILS))
    ]


def keep_newest(newest: dict[bytes, tuple[int, bytes]], payloads: Iterable[bytes], stamp: int) -> None:
    """Keep the newest message of each market and type, with its stamp, in the order in which they came."""
    for payload in payloads:
        kind = payload[:_HEAD_BYTES] + payload[-_TAIL_BYTES:]
        newest.pop(kind, None)
        newest[kind] = (stamp, payload)
