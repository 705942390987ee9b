"""The witness: the venue's REST books, held against what the stream last said of a token.

The stream states the hash of a token's book with every change. Where REST has the same
hash, a silent token is quiet; where it has another and a later one, the stream lost something.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from pm_data import jsonlib
from pm_data.config import Config
from pm_data.errors import UnavailableError
from pm_data.venue.http import HttpClient
from pm_data.venue.offload import in_own_thread
from pm_data.venue.token import Token

IDS_PER_REQUEST = 50

REQUESTS_AT_ONCE = 8
"""So that 4,000 tokens have their turn in 10 s with answers that take a second; 20 s make one silent."""

_OPENING = re.compile(rb'\s*,\s*"timestamp"\s*:\s*"([0-9]{1,18})"\s*,\s*"hash"\s*:\s*"([0-9a-f]{1,64})"')


class Verdict(Enum):
    """What the witness says of one token."""

    QUIET = "quiet"
    CHANGED = "changed"
    ABSENT = "absent"


class Stated(NamedTuple):
    """A book as REST or the stream states it.

    Args:
        timestamp_ms: exchange time of its last change; None where it cannot be read.
    """

    hash: str
    timestamp_ms: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question brought.

    Args:
        books: the tokens that REST has a book of; None where there was no answer.
        trouble: why there was none.
    """

    books: dict[str, Stated] | None
    trouble: str = ""


class Witness:
    """Asks `POST /books`, a few requests at once, each in a thread of its own."""

    def __init__(self, config: Config) -> None:
        self._timeout_seconds = config.capture_witness_timeout_seconds
        self._http = HttpClient(
            config.clob_base_url, tries=1, timeout_seconds=self._timeout_seconds, at_once=REQUESTS_AT_ONCE
        )
        self._turns = asyncio.Semaphore(REQUESTS_AT_ONCE)

    async def ask(self, asset_ids: Sequence[str]) -> Answer:
        """Return the books of at most 50 tokens."""
        assert len(asset_ids) <= IDS_PER_REQUEST
        async with self._turns:
            try:
                listed = await in_own_thread(lambda: self._post(asset_ids), "venue-witness")
            except UnavailableError as error:
                return Answer(None, str(error))
        if not isinstance(listed, list):
            return Answer(None, "the REST books are no list")
        stated = ((_text(entry, "asset_id"), _stated(entry)) for entry in listed)
        return Answer({asset_id: book for asset_id, book in stated if asset_id and book is not None})

    def close(self) -> None:
        """Close the idle connections."""
        self._http.close()

    def _post(self, asset_ids: Sequence[str]) -> Any:
        deadline = time.monotonic() + self._timeout_seconds
        return self._http.post("/books", [{"token_id": asset_id} for asset_id in asset_ids], deadline)


class Memory:
    """Reads what the stream said of tokens; messages that tell of several are read once."""

    def __init__(self) -> None:
        self._read: dict[int, tuple[bytes, dict[str, Stated]]] = {}

    def verdict(self, token: Token, answer: dict[str, Stated]) -> Verdict:
        """Hold the witness's answer against the stream."""
        rest = answer.get(token.asset_id)
        if rest is None:
            return Verdict.ABSENT
        said = None if token.shown is None else self._said(token.shown, token)
        if said is None:
            return Verdict.CHANGED
        if rest.hash == said.hash:
            return Verdict.QUIET
        if rest.timestamp_ms is not None and said.timestamp_ms is not None:
            # REST may lag behind the stream; only a later book tells of something lost.
            return Verdict.CHANGED if rest.timestamp_ms > said.timestamp_ms else Verdict.QUIET
        return Verdict.CHANGED

    def _said(self, payload: bytes, token: Token) -> Stated | None:
        usual = _usual_opening(payload, token)
        if usual is not None:
            return usual
        known = self._read.get(id(payload))
        if known is None:
            known = self._read[id(payload)] = (payload, _read(payload))
        return known[1].get(token.asset_id)


def _usual_opening(payload: bytes, token: Token) -> Stated | None:
    """Read one token's book in an opening frame as the venue writes them, without parsing a megabyte for it.

    The three keys stand side by side, so that they are of one object.
    """
    if not payload.startswith(b"["):
        return None
    at = payload.rfind(b'"' + token.key + b'"')
    found = _OPENING.match(payload, at + len(token.key) + 2) if at >= 0 else None
    return None if found is None else Stated(found[2].decode("ascii"), int(found[1]))


def _read(payload: bytes) -> dict[str, Stated]:
    try:
        message = jsonlib.loads(payload)
    except ValueError:
        return {}
    books: dict[str, Stated] = {}
    for event in message if isinstance(message, list) else [message]:
        if not isinstance(event, dict):
            continue
        changes = event.get("price_changes")
        for entry in changes if isinstance(changes, list) else [event]:
            asset_id = _text(entry, "asset_id")
            book = _stated(entry, event)
            if asset_id and book is not None:
                books[asset_id] = book
    return books


def _stated(entry: object, event: object = None) -> Stated | None:
    book_hash = _text(entry, "hash")
    if not book_hash:
        return None
    stamp = _text(entry, "timestamp") or _text(event, "timestamp")
    is_stamp = stamp.isascii() and stamp.isdigit() and len(stamp) <= 18
    return Stated(book_hash, int(stamp) if is_stamp else None)


def _text(value: object, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
