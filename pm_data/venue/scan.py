"""The light scan of a received frame: what it proves, and which tokens it gave a full book.

It looks for event types and asset ids only and decides nothing about content:
every frame is recorded, whatever the scan makes of it. It takes any bytes, never
raises, and runs in linear time.
"""

import re
from collections.abc import Sequence
from enum import IntEnum


class Seen(IntEnum):
    """What a frame is to the watchdogs. Only the first two prove that the subscription is alive."""

    DATA = 0
    RESOLVED = 1
    NEW_MARKET = 2
    PONG = 3
    EMPTY = 4
    OTHER = 5


_EVENT_TYPE = re.compile(rb'"event_type"\s*:\s*"([^"\\]{1,64})"')
_ASSET_ID = re.compile(rb'"asset_id"\s*:\s*"([^"\\]{1,128})"')
_DIGITS = re.compile(rb'"asset_id"\s*:\s*"([0-9]{1,128})"')
"""Matches the venue's ids as they are, several times as fast as whatever might be one."""
_MARKS = re.compile(rb'"(?:asset_id"\s*:\s*"([^"\\]{1,128})"|(bids)"\s*:|event_type"\s*:\s*"([^"\\]{1,64})")')
_EMPTY_ARRAY = re.compile(rb"\s*\[\s*\]\s*")

# A new market is announced on every connection, whatever it subscribed to: it would hide a dead subscription.
_SEEN_BY_TYPE = {b"new_market": Seen.NEW_MARKET, b"market_resolved": Seen.RESOLVED}

_NO_BOOKS: tuple[bytes, ...] = ()
_DATA = (Seen.DATA, _NO_BOOKS)
_RESULT_BY_TYPE = {event_type: (seen, _NO_BOOKS) for event_type, seen in _SEEN_BY_TYPE.items()}


def scan(payload: bytes) -> tuple[Seen, Sequence[bytes]]:
    """Return what the frame is, and the asset ids it carries a full book of."""
    if payload.startswith(b"{"):
        # The type stands last in most of the venue's objects.
        at = payload.rfind(b'"event_type"')
        found = _EVENT_TYPE.match(payload, at) if at >= 0 else None
        if found is not None:
            event_type = found[1]
            if event_type != b"book":
                return _RESULT_BY_TYPE.get(event_type, _DATA)
            asset_id = _ASSET_ID.search(payload)
            return Seen.DATA, (_NO_BOOKS if asset_id is None else (asset_id[1],))
    if payload[:64].lstrip().startswith((b"{", b"[")):
        if _EMPTY_ARRAY.fullmatch(payload):
            return Seen.EMPTY, _NO_BOOKS
        return _scan_events(payload)
    return (Seen.PONG if payload == b"PONG" else Seen.OTHER), _NO_BOOKS


def asset_ids(payload: bytes) -> list[bytes]:
    """Return the asset ids that a frame names, in order, as often as it does."""
    return _DIGITS.findall(payload) or _ASSET_ID.findall(payload)


def _scan_events(payload: bytes) -> tuple[Seen, Sequence[bytes]]:
    """Scan several events, or one without a type; an array is DATA when one of its events is."""
    books: list[bytes] = []
    asset_ids: list[bytes] = []
    bids = 0
    kinds: set[Seen] = set()

    def end_event() -> None:
        nonlocal asset_ids, bids
        # A book has one asset id and one bids; the entries of a price_change have ids alone.
        if bids == len(asset_ids):
            books.extend(asset_ids)
        asset_ids, bids = [], 0

    for mark in _MARKS.finditer(payload):
        asset_id, is_bids, event_type = mark.groups()
        if asset_id is not None:
            asset_ids.append(asset_id)
            kinds.add(Seen.DATA)
        elif is_bids is not None:
            bids += 1
        else:
            kinds.add(_SEEN_BY_TYPE.get(event_type, Seen.DATA))
            end_event()
    end_event()
    return min(kinds, default=Seen.OTHER), books
