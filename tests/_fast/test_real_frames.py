"""Recorded frames of 2026-09-27: the books that the StateStore rebuilds have the venue's hashes."""

import json

import pytest

from pm_data.bookhash import book_hash

NEG_RISK_MARKET = "0xefa17dee3af09f69f9ddf245b969aa4efbe7c71cdf06ee49d694408bc33e2ed2"
LOST_UPDATE_MARKET = "0x690fafd3b7bb8b4919ccf0f219b0014b65334411a1076162e76353e76d7f9bec"
# From PROTOCOL.md 1.4: the level that the venue changed without a message, and the 16 hashes that show it.
LOST_UPDATE_FAILURES = 16


@pytest.fixture
def frames(shared_data):
    return (shared_data / "ws_market_20260927.ndjson").read_bytes().splitlines()


class Rebuilt:
    """Books rebuilt from frames, with what the hash needs beside the levels."""

    def __init__(self, core):
        self.core = core
        self.store = core.store.StateStore()
        self.tick = {}
        self.last_trade = {}
        self.events = 0

    def apply(self, line, stamp):
        self.events += len(self.store.frame(line, 1, stamp, self.events))

    def learn(self, message):
        if "tick_size" in message:
            self.tick[message["market"]] = message["tick_size"]
            self.last_trade[message["market"]] = message["last_trade_price"]
        if message["event_type"] == "last_trade_price":
            self.last_trade[message["market"]] = message["price"]

    def digest(self, market, asset_id, timestamp):
        text = self.core.e6.from_e6
        state = self.store.market(asset_id)
        return book_hash(
            market,
            asset_id,
            timestamp,
            [(text(price), text(size)) for price, size in reversed(state.bids())],
            [(text(price), text(size)) for price, size in reversed(state.asks())],
            "5",
            self.tick[market],
            market == NEG_RISK_MARKET,
            self.last_trade[market],
        )


def messages(line):
    value = json.loads(line) if line else []
    return value if isinstance(value, list) else [value]


def test_all_26_books_are_rebuilt_with_the_venues_hash(core, frames):
    rebuilt = Rebuilt(core)
    verified = 0
    for stamp, line in enumerate(frames):
        rebuilt.apply(line, stamp)
        for message in messages(line):
            rebuilt.learn(message)
            if message["event_type"] == "book":
                found = rebuilt.digest(message["market"], message["asset_id"], message["timestamp"])
                assert found == message["hash"], stamp
                verified += 1
    assert verified == 26


def test_changes_keep_the_books_as_the_venue_has_them_but_for_the_one_lost_update(core, frames):
    rebuilt = Rebuilt(core)
    failed = verified = 0
    for stamp, line in enumerate(frames):
        rebuilt.apply(line, stamp)
        for message in messages(line):
            rebuilt.learn(message)
            for change in message.get("price_changes", []):
                found = rebuilt.digest(message["market"], change["asset_id"], message["timestamp"])
                if found == change["hash"]:
                    verified += 1
                else:
                    assert message["market"] == LOST_UPDATE_MARKET
                    failed += 1
    assert (verified, failed) == (42, LOST_UPDATE_FAILURES)


def test_best_bid_and_ask_agree_58_of_58_times(core, frames):
    store = core.store.StateStore()
    checked = 0
    for stamp, line in enumerate(frames):
        store.frame(line, 1, stamp, 0)
        for message in messages(line):
            for change in message.get("price_changes", []):
                state = store.market(change["asset_id"])
                best = (state.bid_px_e6 or 0, state.ask_px_e6 or 1_000_000)  # the feed's way to say empty
                assert best == (core.e6.to_e6(change["best_bid"]), core.e6.to_e6(change["best_ask"]))
                checked += 1
    assert checked == 58
