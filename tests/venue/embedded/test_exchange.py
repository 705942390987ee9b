"""The order flow: books that verify, a sequence fixed by the seed, traffic of the right shape."""

import hashlib
import json
import os
import re
import subprocess
import sys

import pytest
from support.commands import ROOT

from pm_data.venue.embedded.exchange import NEVER_NS, Exchange
from pm_data.venue.embedded.generate import generate, new_exchange
from pm_data.venue.embedded.options import VenueOptions

FRAMES = 4000


@pytest.fixture(scope="module")
def options():
    return VenueOptions(seed=11, markets=40, rate=400)


@pytest.fixture(scope="module")
def payloads(options):
    return [frame.payload for frame in generate(options, FRAMES)]


@pytest.fixture(scope="module")
def view(oracle, options, payloads):
    neg_risk = {book.listing.condition_id: book.listing.neg_risk for book in new_exchange(options).books}
    return oracle(neg_risk).read(payloads)


def test_every_hash_best_price_and_mirror_holds(view):
    assert view.verified > 2 * view.kinds["price_change"] * 0.9
    assert view.kinds["book"] > 80 + 100


def test_a_trade_price_is_in_the_hash_before_it_is_announced(view):
    assert sum(map(len, view.foreseen.values())) > 20
    for market, foreseen in view.foreseen.items():
        # Only a price that differs from the one before shows in the hash.
        announced = iter(view.announced.get(market, []))
        seen = [price for price in foreseen if price in announced]
        assert len(foreseen) - len(seen) <= 1, "at most the last trade is still to be announced"


def test_traffic_has_the_shape_of_the_real_feed(view):
    later = view.frames - 1
    assert view.kinds["price_change"] / later >= 0.90
    assert 0.01 < view.kinds["last_trade_price"] / later < 0.04
    assert 600 < view.bytes / view.frames < 850
    assert 0.35 < view.top_changes / later < 0.65
    wide = sum(widest >= 0.05 for widest in view.widest.values())
    assert 0.05 < wide / len(view.widest) < 0.9
    levels = [len(token.bids) + len(token.asks) for token in view.tokens.values()]
    live = [count for count in levels if count]
    assert 55 <= sum(live) / len(live) <= 80


def test_traffic_is_skewed_to_few_markets():
    exchange = Exchange(VenueOptions(seed=2, markets=2000), 0)
    weights = sorted((book.listing.weight for book in exchange.books), reverse=True)
    assert 0.60 < sum(weights[:100]) / sum(weights) < 0.70
    assert 0.80 < sum(weights[:500]) / sum(weights) < 0.92


def test_markets_look_like_the_venues():
    books = Exchange(VenueOptions(seed=2, markets=2000), 0).books
    assert 0.68 < sum(book.listing.tick == 10 for book in books) / 2000 < 0.76
    assert 0.35 < sum(book.listing.neg_risk for book in books) / 2000 < 0.47
    assert 0.2 < sum(book.listing.fee_schedule is not None for book in books) / 2000 < 0.4
    asset_ids = [asset_id for book in books for asset_id in book.listing.asset_ids]
    assert len(set(asset_ids)) == 4000
    assert all(re.fullmatch(r"[0-9]{77,78}", asset_id) for asset_id in asset_ids)
    assert all(re.fullmatch(r"0x[0-9a-f]{64}", book.listing.condition_id) for book in books)


def test_a_trade_is_change_both_books_then_the_trade_later(payloads):
    messages = [json.loads(payload) for payload in payloads[1:]]
    checked = 0
    between = 0
    for at, message in enumerate(messages[:-1]):
        if message["event_type"] != "book" or messages[at - 1]["event_type"] != "price_change":
            continue
        change, second = messages[at - 1], messages[at + 1]
        assert second["event_type"] == "book"
        assert {message["asset_id"], second["asset_id"]} == {
            entry["asset_id"] for entry in change["price_changes"]
        }
        trades = [
            (later - at, trade)
            for later, trade in enumerate(messages[at:], at)
            if trade["event_type"] == "last_trade_price" and trade["market"] == message["market"]
        ]
        if not trades:
            continue
        delays = [int(trade["timestamp"]) - int(message["timestamp"]) for _, trade in trades]
        assert any(33 <= delay <= 48 for delay in delays)
        between += trades[0][0] > 2
        checked += 1
    assert checked > 30
    assert between > 0


def test_bytes_have_the_recorded_frames_order_and_white_space(payloads):
    level = r'\{"price":"[0-9.]+","size":"[0-9.]+"\}'
    compact = rf"\[(?:{level}(?:,{level})*)?\]"
    book = (
        r'\{"market":"0x[0-9a-f]{64}","asset_id":"[0-9]+","timestamp":"[0-9]+","hash":"[0-9a-f]{40}",'
        rf'"bids":{compact},"asks":{compact},"tick_size":"0\.01|0\.001","event_type":"book",'
        r'"last_trade_price":"(?:0\.[0-9]{3})?"\}'
    )
    assert re.match(rf"\[{book}", payloads[0].decode())
    assert payloads[0].endswith(b"}]\n")
    leg = (
        r'\{"asset_id":"[0-9]+", "price":"0\.[0-9]+", "size":"[0-9.]+", "side":"(?:BUY|SELL)", '
        r'"hash":"[0-9a-f]{40}", "best_bid":"[0-9.]+", "best_ask":"[0-9.]+"\}'
    )
    change = re.compile(
        rf'\{{"market":"0x[0-9a-f]{{64}}", "price_changes":\[{leg}(?:, {leg})+\], '
        r'"timestamp":"[0-9]{13}", "event_type":"price_change"\}'
    )
    keys = {
        "book": "market asset_id bids asks hash timestamp event_type",
        "last_trade_price": (
            "market asset_id price size fee_rate_bps side timestamp event_type transaction_hash"
        ),
        "tick_size_change": "market asset_id old_tick_size new_tick_size timestamp event_type",
        "market_resolved": (
            "id market assets_ids winning_asset_id winning_outcome event_message timestamp event_type tags"
        ),
    }
    for payload in payloads[1:]:
        message = json.loads(payload)
        kind = message["event_type"]
        text = payload.decode()
        assert text == json.dumps(message, ensure_ascii=False, separators=(", ", ":")), "white space"
        if kind == "price_change":
            assert change.fullmatch(text)
        elif kind in keys:
            assert " ".join(message) == keys[kind]


def test_decimals_are_minimal(payloads):
    for payload in payloads:
        for price, size in re.findall(rb'"price":"([^"]*)", ?"size":"([^"]*)"', payload):
            assert re.fullmatch(rb"0\.[0-9]*[1-9]", price)
            assert re.fullmatch(rb"0|[1-9][0-9]*|[0-9]+\.[0-9]*[1-9]", size)


def test_bursts_share_timestamp_and_hash_and_some_changes_come_twice(payloads):
    changes = [json.loads(payload) for payload in payloads if b'"price_change"' in payload]
    runs: dict[tuple[str, str, str], list[str]] = {}
    for message in changes:
        entry = min(message["price_changes"], key=lambda entry: entry["asset_id"])
        key = (message["market"], message["timestamp"], entry["hash"])
        runs.setdefault(key, []).append(entry["price"])
    assert any(len(set(prices)) >= 3 for prices in runs.values()), "a burst"
    assert any(len(set(prices)) < len(prices) for prices in runs.values()), "a duplicate"


def test_rare_messages_come_too(oracle):
    options = VenueOptions(seed=9, markets=30, rate=1000)
    neg_risk = {book.listing.condition_id: book.listing.neg_risk for book in new_exchange(options).books}
    view = oracle(neg_risk).read(frame.payload for frame in generate(options, 8000))
    assert view.kinds["new_market"] >= 1
    assert view.kinds["market_resolved"] >= 1
    assert view.kinds["tick_size_change"] >= 2


def test_a_resolved_market_is_silent_and_unknown():
    exchange = Exchange(VenueOptions(seed=5, markets=30, rate=1000), 10**12)
    gone: set[str] = set()
    for _ in range(40_000):
        for message in exchange.step():
            assert gone.isdisjoint(message.assets)
            if b'"market_resolved"' in message.payload:
                gone.update(message.assets)
                assert all(exchange.find(asset_id) is None for asset_id in message.assets)
    assert gone
    assert len(exchange.books) >= 22


def test_stamps_never_run_backwards_in_one_token(payloads):
    last: dict[str, int] = {}
    for payload in payloads[1:]:
        message = json.loads(payload)
        if message["event_type"] == "price_change":
            assert int(message["timestamp"]) >= last.get(message["market"], 0)
            last[message["market"]] = int(message["timestamp"])


def test_a_rate_of_zero_is_a_silent_venue():
    assert Exchange(VenueOptions(rate=0), 0).next_due_ns == NEVER_NS


def test_the_rate_holds_in_virtual_time():
    exchange = Exchange(VenueOptions(seed=3, markets=20, rate=500), 0)
    frames = 0
    while exchange.next_due_ns < 20 * 10**9:
        frames += len(exchange.step())
    assert 9_000 < frames < 11_000


def test_a_late_driver_moves_stamps_but_not_the_sequence():
    options = VenueOptions(seed=3, markets=5, rate=500)
    on_time, late = Exchange(options, 10**12), Exchange(options, 10**12)
    for at in range(300):
        if at == 100:
            late.postpone(5 * 10**9)
        one, other = on_time.step(), late.step()
        assert [message.assets for message in one] == [message.assets for message in other]
    assert (
        int(json.loads(other[0].payload)["timestamp"]) - int(json.loads(one[0].payload)["timestamp"]) == 5000
    )


DIGEST = """
import hashlib
from pm_data.venue.embedded.generate import generate
from pm_data.venue.embedded.options import VenueOptions
digest = hashlib.sha256()
for frame in generate(VenueOptions(seed=9, markets=12, rate=1000), 1500):
    digest.update(b"%d %d %b" % frame)
print(digest.hexdigest())
"""


def test_the_sequence_is_the_same_for_every_hash_seed():
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "TZ": zone},
            capture_output=True,
            check=True,
        ).stdout
        for seed, zone in (("0", "UTC"), ("1", "Asia/Kolkata"), ("4242", "America/Lima"))
    }
    here = hashlib.sha256()
    for frame in generate(VenueOptions(seed=9, markets=12, rate=1000), 1500):
        here.update(b"%d %d %b" % frame)
    assert digests == {(here.hexdigest() + "\n").encode()}


def test_another_seed_is_another_venue():
    one, other = (Exchange(VenueOptions(seed=seed, markets=5), 0) for seed in (1, 2))
    assert {book.listing.condition_id for book in one.books}.isdisjoint(
        book.listing.condition_id for book in other.books
    )
