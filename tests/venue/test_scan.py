import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pm_data.venue.scan import Seen, scan

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the recorded venue data is not beside the repository"
)

BOOK = b'{"market":"0x","asset_id":"7","bids":[{"price":"0.5","size":"1"}],"asks":[],"event_type":"book"}'
CHANGE = (
    b'{"market": "0x", "price_changes": [{"asset_id": "1", "price": "0.1"}, {"asset_id": "2"}], '
    b'"timestamp": "1", "event_type": "price_change"}'
)
NEW = b'{"id":"1","assets_ids":["3","4"],"event_type":"new_market","clob_token_ids":["3","4"]}'
RESOLVED = b'{"id":"1","assets_ids":["3","4"],"winning_asset_id":"3","event_type":"market_resolved"}'


@pytest.mark.parametrize(
    ("payload", "seen", "books"),
    [
        (BOOK, Seen.DATA, [b"7"]),
        (CHANGE, Seen.DATA, []),
        (NEW, Seen.NEW_MARKET, []),
        (RESOLVED, Seen.RESOLVED, []),
        (b'{"event_type":"something_new","x":1}', Seen.DATA, []),
        (b'{"event_type" : "book","asset_id" : "7","bids":[]}', Seen.DATA, [b"7"]),
        (b'{"event_type":"book","bids":[]}', Seen.DATA, []),
        (b'{"asset_id":"7","bids":[],"asks":[]}', Seen.DATA, [b"7"]),
        (b'{"asset_id":"7","price":"0.1"}', Seen.DATA, []),
        (b'{"error":"bad"}', Seen.OTHER, []),
        (b"PONG", Seen.PONG, []),
        (b"NO NEW ASSETS", Seen.OTHER, []),
        (b"INVALID OPERATION", Seen.OTHER, []),
        (b"", Seen.OTHER, []),
        (b"\xff\xfe", Seen.OTHER, []),
        (b"[]", Seen.EMPTY, []),
        (b"[]\n", Seen.EMPTY, []),
        (b" [ ] ", Seen.EMPTY, []),
        (b"[" + BOOK + b"]\n", Seen.DATA, [b"7"]),
        (b"\n[" + BOOK + b", " + BOOK.replace(b'"7"', b'"8"') + b"]", Seen.DATA, [b"7", b"8"]),
        (b"[" + CHANGE + b"," + BOOK + b"," + CHANGE + b"]", Seen.DATA, [b"7"]),
        (b'[{"event_type":"book","bids":[],"asset_id":"7"},{"event_type":"book","bids":[],"asset_id":"8"}]',
         Seen.DATA, [b"7", b"8"]),
        (b"[" + NEW + b"," + NEW + b"]", Seen.NEW_MARKET, []),
        (b"[" + NEW + b"," + CHANGE + b"]", Seen.DATA, []),
        (b"[1,2]", Seen.OTHER, []),
    ],
)  # fmt: skip
def test_scan(payload: bytes, seen: Seen, books: list[bytes]) -> None:
    assert scan(payload) == (seen, tuple(books)) or scan(payload) == (seen, books)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_scanned(payload: bytes) -> None:
    assert scan(payload)[0] in Seen


def test_mutants_of_frames_are_scanned() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(5000):
        payload = bytearray(rng.choice((BOOK, CHANGE, NEW, b"[" + BOOK + b"," + CHANGE + b"]")))
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(payload))
            payload[at : at + rng.randrange(3)] = bytes(
                rng.choices(b'{}[]",:\\ \x00\xff', k=rng.randrange(3))
            )
        scan(bytes(payload))


@pytest.mark.parametrize(
    "payload", [b'{"asset_id"' * 100_000, b'["asset_id":' + b" " * 1_000_000, b"[" * 1_000_000]
)
def test_hostile_frames_take_linear_time(payload: bytes) -> None:
    scan(payload)


@needs_data
def test_real_frames_give_the_books_that_they_hold() -> None:
    lines = (DATA / "ws_market_20260927.ndjson").read_bytes().split(b"\n")
    for payload in (line for line in lines if line):
        message = json.loads(payload)
        events = message if isinstance(message, list) else [message]
        books = [event["asset_id"].encode() for event in events if event["event_type"] == "book"]
        seen, found = scan(payload)
        assert seen is Seen.DATA
        assert list(found) == books
