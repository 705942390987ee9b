"""Faults of messages: each takes what the venue would send and returns what it sends instead."""

import json
from collections.abc import Iterable, Sequence

from pm_data import jsonlib
from pm_data.venue.embedded.book import MarketBook
from pm_data.venue.embedded.draw import Draw
from pm_data.venue.embedded.faults import Fault
from pm_data.venue.embedded.websocket import text_frame

Books = Sequence[tuple[MarketBook, int]]
"""Books of an opening frame: markets and places."""


class Filter:
    """One fault on one connection; without a change to anything."""

    def opening(self, books: Books) -> Books:
        """Return the books that an opening frame shows."""
        return books

    def pass_on(self, payload: bytes) -> Iterable[bytes]:
        """Return the messages that leave in the place of one."""
        return (payload,)

    def frame(self, payload: bytes) -> bytes:
        """Return the bytes on the line of a message."""
        return text_frame(payload)


class Duplicate(Filter):
    """Sends some messages twice."""

    def __init__(self, fault: Fault, draw: Draw) -> None:
        self._every = fault.count("every")
        self._draw = draw

    def pass_on(self, payload: bytes) -> Iterable[bytes]:
        """Return the message, now and then twice."""
        return (payload,) * (2 if self._draw.one_in(self._every) else 1)


class Lost(Filter):
    """Never sends some messages."""

    def __init__(self, fault: Fault, draw: Draw) -> None:
        self._every = fault.count("every")
        self._draw = draw

    def pass_on(self, payload: bytes) -> Iterable[bytes]:
        """Return the message, now and then not."""
        return () if self._draw.one_in(self._every) else (payload,)


class Reorder(Filter):
    """Sends some messages after the one that follows."""

    def __init__(self, fault: Fault, draw: Draw) -> None:
        self._every = fault.count("every")
        self._draw = draw
        self._held: bytes | None = None

    def pass_on(self, payload: bytes) -> Iterable[bytes]:
        """Return the message, or keep it for later."""
        if self._held is not None:
            first, self._held = self._held, None
            return payload, first
        if self._draw.one_in(self._every):
            self._held = payload
            return ()
        return (payload,)


class SilentToken(Filter):
    """Says nothing of one token while its siblings flow."""

    def __init__(self, asset_id: str, *, active: bool, cured_by_asking: bool) -> None:
        self._active = active
        self._asset_id = asset_id
        self._cured_by_asking = cured_by_asking
        self._asked = False

    def begin(self) -> None:
        """Fall silent."""
        self._active = True

    def opening(self, books: Books) -> Books:
        """Leave the token's book out, but for a cure: then from its second opening on all is well."""
        if all(book.listing.asset_ids[place] != self._asset_id for book, place in books):
            return books
        if self._asked and self._cured_by_asking:
            self._active = False
        self._asked = True
        if not self._active:
            return books
        return [(book, place) for book, place in books if book.listing.asset_ids[place] != self._asset_id]

    def pass_on(self, payload: bytes) -> Iterable[bytes]:
        """Take the token's part out of a message."""
        if not self._active or self._asset_id.encode() not in payload:
            return (payload,)
        message = jsonlib.loads(payload)
        if not isinstance(message, dict):
            return (payload,)  # an opening frame, which lacks it already
        if message["event_type"] in ("new_market", "market_resolved"):
            return (payload,)
        entries = message.get("price_changes", ())
        kept = [entry for entry in entries if entry["asset_id"] != self._asset_id]
        if not kept:
            return ()
        text = json.dumps(message | {"price_changes": kept}, ensure_ascii=False, separators=(", ", ":"))
        return (text.encode(),)


class Cliff(Filter):
    """Gives no opening books beyond so many tokens on a connection."""

    def __init__(self, fault: Fault) -> None:
        self._left = fault.count("tokens")

    def opening(self, books: Books) -> Books:
        """Return the books that there is still room for."""
        shown = books[: self._left]
        self._left -= len(shown)
        return shown


class HugeOpening(Filter):
    """Fills opening frames up with white space."""

    def __init__(self, fault: Fault) -> None:
        self._bytes = fault.count("bytes")

    def pass_on(self, payload: bytes) -> Iterable[bytes]:
        """Return an opening frame of so many bytes at least, and all else as it is."""
        return (payload.ljust(self._bytes) if payload.startswith(b"[{") else payload,)


class Malformed(Filter):
    """Puts odd messages between the others."""

    def __init__(self, fault: Fault, draw: Draw) -> None:
        self._kind = fault.word("kind")
        self._every = fault.count("every")
        self._draw = draw

    def pass_on(self, payload: bytes) -> Iterable[bytes]:
        """Return the message, now and then with an odd one behind it."""
        if not self._draw.one_in(self._every):
            return (payload,)
        return payload, odd_message(self._kind, payload)


class OddFraming(Filter):
    """Sends some messages as a binary frame, or in fragments."""

    def __init__(self, fault: Fault, draw: Draw) -> None:
        self._binary = fault.word("kind") == "binary"
        self._every = fault.count("every")
        self._draw = draw

    def frame(self, payload: bytes) -> bytes:
        """Return the message as a text frame, now and then as what it should not be."""
        whole = text_frame(payload)
        if not self._draw.one_in(self._every):
            return whole
        if self._binary:
            return b"\x82" + whole[1:]
        middle = len(payload) // 2
        first, last = text_frame(payload[:middle]), text_frame(payload[middle:])
        ping = b"\x89\x00"  # a protocol ping between two fragments is allowed
        return b"\x01" + first[1:] + ping + b"\x80" + last[1:]


def odd_message(kind: str, payload: bytes) -> bytes:
    """Return a message of this kind of oddness, made from a good one."""
    odd = {
        "cut": payload[: len(payload) // 2],
        "empty": b"",
        "text": b"SOMETHING ELSE",
        "utf8": b'{"event_type":"book","asset_id":"\xff\xfe"}',
        "nul": b"\0" * 100,
        "deep": b"[" * 5000,
        "number": b"12345678901234567890123456789",
        "nan": b'{"event_type":"book","asset_id":NaN}',
        "keys": b'{"event_type":"book","event_type":"price_change"}',
        "types": b'{"event_type":"price_change","price_changes":{"asset_id":[1,{}]}}',
        "unknown": b'{"event_type":"from_the_future","asset_id":"1"}',
        "padded": b" \n" * 50 + payload,
    }
    return odd[kind]
