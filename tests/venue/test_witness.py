"""What the witness's answer means, held against what the stream said last."""

import gc
import json
import time
import warnings

import pytest

from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.http import HttpClient
from pm_data.venue.token import Token
from pm_data.venue.witness import Memory, Stated, Verdict

REST = {"1": Stated("h1", 20)}


def token(shown: object, asset_id: str = "1") -> Token:
    made = Token(asset_id)
    made.shown = shown if isinstance(shown, bytes | None) else json.dumps(shown).encode()
    return made


def opening(*entries: tuple[str, str, str]) -> bytes:
    return b"[%s]\n" % b",".join(
        f'{{"market":"m","asset_id":"{asset}","timestamp":"{stamp}","hash":"{value}","bids":[]}}'.encode()
        for asset, stamp, value in entries
    )


def change(stamp: str, *hashes: tuple[str, str]) -> dict[str, object]:
    entries = [{"asset_id": asset, "price": "0.5", "hash": value} for asset, value in hashes]
    return {"market": "m", "price_changes": entries, "timestamp": stamp, "event_type": "price_change"}


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        (opening(("2", "30", "ff"), ("1", "10", b"h1".hex())), Verdict.CHANGED),
        (opening(("1", "20", "abc")), Verdict.QUIET),
        (opening(("1", "25", "abc")), Verdict.QUIET),
        (change("20", ("1", "h1"), ("2", "x")), Verdict.QUIET),
        (change("10", ("1", "h0"), ("2", "h1")), Verdict.CHANGED),
        (change("10", ("1", "h0"), ("1", "h1")), Verdict.QUIET),
        (change("20", ("1", "other")), Verdict.QUIET),
        ({"asset_id": "1", "hash": "h0", "timestamp": "19", "event_type": "book"}, Verdict.CHANGED),
        ({"hash": "h1", "timestamp": "1", "asset_id": "1"}, Verdict.QUIET),
        ({"hash": "h0", "asset_id": "1"}, Verdict.CHANGED),
        ([{"hash": "h1", "bids": [], "asset_id": "1", "timestamp": "7"}], Verdict.QUIET),
        (b"not JSON", Verdict.CHANGED),
        (b'["1"]', Verdict.CHANGED),
        (b'{"price_changes":7,"asset_id":"1"}', Verdict.CHANGED),
        (None, Verdict.CHANGED),
    ],
)
def test_verdicts(shown: object, verdict: Verdict) -> None:
    assert Memory().verdict(token(shown), REST) is verdict


def test_token_that_rest_does_not_have_is_absent() -> None:
    assert Memory().verdict(token(None, "9"), REST) is Verdict.ABSENT


def test_opening_is_read_alike_by_both_ways() -> None:
    usual = opening(("7", "5", "aa"), ("1", "6", "bb"), ("11", "7", "cc"))
    odd = json.dumps([dict(reversed(entry.items())) for entry in json.loads(usual)]).encode()
    for asset_id, stated in (("7", Stated("aa", 5)), ("1", Stated("bb", 6)), ("11", Stated("cc", 7))):
        for shown in (usual, odd):
            assert Memory().verdict(token(shown, asset_id), {asset_id: stated}) is Verdict.QUIET
            later = {asset_id: Stated("dd", 8)}
            assert Memory().verdict(token(shown, asset_id), later) is Verdict.CHANGED


def test_an_answer_that_comes_after_the_end_leaves_no_connection_open() -> None:
    """A question out when the session ends runs on in its thread; it may even begin only then."""
    with EmbeddedVenue(VenueOptions(markets=2, rate=0)) as venue:
        client = HttpClient(venue.urls.clob_base_url, at_once=2)
        client.close()
        assert client.post("/books", [{"token_id": venue.asset_ids[0]}], time.monotonic() + 5)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            del client
            gc.collect()
