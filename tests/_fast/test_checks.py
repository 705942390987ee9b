"""Book checks: exactly the right outcome for what the venue or the way from it does to a book."""

import gzip
import json

import pytest
from support.frames import MARKET, A, B, book, change, encode
from support.hashed_market import HashedMarket
from support.state import plain

from pm_data.venue.embedded.generate import generate
from pm_data.venue.embedded.options import VenueOptions

LOST_UPDATE_MARKET = "0x690fafd3b7bb8b4919ccf0f219b0014b65334411a1076162e76353e76d7f9bec"
ZERO = {
    "hash_late_trade_price": 0,
    "hash_late_tick_size": 0,
    "hash_failed": 0,
    "hash_unchecked": 0,
    "best_differed": 0,
    "mirror_differed": 0,
}


class Feed:
    """A StateStore that is fed frames, and its events."""

    def __init__(self, core, mode="suspect"):
        self.store = core.store.StateStore(mode)
        self.events = []
        self.stamp = 0

    def __call__(self, *frames):
        for frame in frames:
            self.stamp += 1
            self.events += self.store.frame(frame, 1, self.stamp, len(self.events))
        return self

    def end(self):
        self.events += self.store.finish(self.stamp, len(self.events))
        return self

    @property
    def statuses(self):
        return [
            (event.market_id, event.status, event.cause) for event in self.events if event.kind == "status"
        ]

    @property
    def found(self):
        """The sums that are not zero, of both legs."""
        names = ("hash_", "best_", "mirror_")
        return {name: n for name, n in self.store.counters().items() if n and name.startswith(names)}


@pytest.fixture
def market():
    return HashedMarket()


@pytest.fixture(params=["told", "inferred"])
def feed(core, market, request):
    feed = Feed(core)
    if request.param == "told":
        feed.store.learn(market.facts)
    return feed(market.opening())


def test_a_run_is_judged_when_the_next_begins_or_the_stream_ends(feed, market):
    assert feed.found == {}
    feed(*market.change((0, 420, 500)))
    assert feed.found == {"hash_verified": 2, "mirror_agreed": 2}
    feed.end()
    assert feed.found == {"hash_verified": 4, "best_agreed": 2, "mirror_agreed": 4}
    assert feed.end().found["hash_verified"] == 4
    assert feed.statuses == []


def test_a_lost_update_fails_until_the_level_is_told_again(feed, market):
    market.change((0, 410, 7))  # lost
    feed(*market.change((0, 420, 5)), *market.change((0, 400, 5)), *market.change((0, 410, 7)))
    assert feed.statuses == [(market.a, "suspect", "hash"), (market.b, "suspect", "hash")]
    feed(*market.change((0, 420, 6)), *market.change((0, 420, 7))).end()
    assert feed.found == {
        "hash_verified": 8,
        "hash_failed": 4,
        "hash_incidents": 1,
        "best_agreed": 10,
        "mirror_agreed": 12,
    }
    (incident,) = feed.store.incidents()
    assert (incident.asset_ids, incident.bursts, incident.leg_hashes) == ([market.a, market.b], 2, 4)
    assert incident.recovered
    assert feed.statuses[2:] == [(market.a, "live", ""), (market.b, "live", "")]


def test_no_top_of_book_leaves_a_suspect_book_and_one_leaves_after_it(feed, market):
    market.change((0, 410, 7))  # lost
    feed(*market.change((0, 420, 5)), *market.change((0, 420, 6)))
    feed.events.clear()
    feed(*market.change((0, 410, 7)))
    assert feed.events == []
    feed(*market.change((0, 430, 8)))
    kinds = [(event.kind, event.market_id) for event in feed.events]
    assert kinds == [
        ("status", market.a),
        ("top_of_book", market.a),
        ("status", market.b),
        ("top_of_book", market.b),
    ]


def test_a_full_book_ends_a_failed_hash(feed, market):
    market.change((0, 410, 7))  # lost
    feed(*market.change((0, 420, 5)), *market.change((0, 420, 6)))
    assert [status for _id, status, _cause in feed.statuses] == ["suspect", "suspect"]
    feed(market.opening())
    assert [status for _id, status, _cause in feed.statuses] == ["suspect", "suspect", "live", "live"]
    assert not feed.store.incidents()[0].recovered  # its hash is judged later
    assert feed.end().store.incidents()[0].recovered


def test_a_burst_is_judged_at_its_end_in_whatever_order_it_comes(feed, market):
    burst = market.change((0, 420, 0), (0, 410, 5), (1, 540, 3))
    feed(*reversed(burst), *market.change((0, 400, 1))).end()
    assert feed.found == {"hash_verified": 6, "best_agreed": 4, "mirror_agreed": 6}


def test_two_moments_of_one_millisecond_are_two_runs(feed, market):
    first, second = market.change((0, 420, 5)), market.change((0, 420, 6), after_ms=0)
    feed(*first, *second).end()
    assert feed.found == {"hash_verified": 6, "best_agreed": 4, "mirror_agreed": 6}


def test_frames_in_the_wrong_order_fail_and_recover(feed, market):
    first, second = market.change((0, 420, 5)), market.change((0, 410, 6))
    feed(*second, *first, *market.change((0, 400, 1))).end()
    assert feed.found["hash_failed"] == 4
    assert feed.found["hash_verified"] == 4
    assert feed.store.incidents()[0].recovered


def test_a_repeated_message_is_no_new_run_and_an_older_one_says_nothing(feed, market):
    first, second = market.change((0, 420, 5)), market.change((0, 410, 6))
    feed(*first, *first, *second, *first, *second, *market.change((0, 400, 1))).end()
    assert feed.found == {"hash_verified": 8, "hash_unchecked": 4, "best_agreed": 6, "mirror_agreed": 8}


def test_a_trade_price_that_is_announced_in_time_is_known(feed, market):
    feed(*market.change((0, 420, 5), trade_price=580), market.trade(580), *market.change((0, 420, 4))).end()
    assert feed.found == {"hash_verified": 6, "best_agreed": 4, "mirror_agreed": 6}


def test_a_trade_price_that_comes_late_is_found_once(feed, market):
    feed(*market.change((0, 420, 5), trade_price=580), *market.change((0, 420, 4)), market.trade(580))
    feed(*market.change((0, 420, 3))).end()
    assert feed.found == {
        "hash_verified": 7,
        "hash_late_trade_price": 1,
        "best_agreed": 6,
        "mirror_agreed": 8,
    }
    assert feed.statuses == []


@pytest.mark.parametrize("price", [0, 1, 999, 1000])
def test_every_trade_price_is_tried(feed, market, price):
    feed(*market.change((0, 420, 5), trade_price=price)).end()
    assert feed.found["hash_late_trade_price"] == 1


def test_the_trade_price_before_any_trade_is_tried(core, market):
    feed = Feed(core)
    feed.store.learn(market.facts)
    assert market.book.last_trade is None
    stale = json.loads(market.opening())
    for message in stale:
        message["last_trade_price"] = "0.500"
    feed(encode(stale)).end()
    assert (feed.found["hash_late_trade_price"], feed.found["hash_verified"]) == (1, 1)


def test_a_tick_size_that_is_announced_in_time_is_known(feed, market):
    feed(*market.change((0, 420, 5), tick=1), *market.ticks(10), *market.change((0, 420, 4))).end()
    assert feed.found == {"hash_verified": 6, "best_agreed": 4, "mirror_agreed": 6}


def test_a_tick_size_that_comes_late_is_found(feed, market):
    feed(*market.change((0, 420, 5), tick=1, trade_price=580), *market.change((0, 420, 4)))
    feed(*market.ticks(10), market.trade(580), *market.change((0, 420, 3))).end()
    assert feed.found["hash_late_tick_size"] == 1
    assert feed.found["hash_verified"] == 7
    assert [cause for _id, status, cause in feed.statuses if status == "suspect"] == []


def test_best_prices_that_differ_make_suspect_until_a_verified_hash(feed, market):
    (frame,) = market.change((0, 410, 5))
    feed(frame.replace(b'"best_bid":"0.42"', b'"best_bid":"0.43"'), *market.change((0, 410, 6)))
    assert feed.statuses == [(market.a, "suspect", "bbo")]
    feed(*market.change((0, 410, 7))).end()
    assert feed.statuses == [(market.a, "suspect", "bbo"), (market.a, "live", "")]
    assert (feed.found["best_differed"], feed.found["best_agreed"]) == (1, 5)


@pytest.mark.parametrize(
    ("sent", "differs"),
    [
        *((text, False) for text in ("0.420", ".42", "", "x", "9" * 30, "0.4200001")),
        *((text, True) for text in ("0", "1", "5", "0.42001", "0.4200009")),
    ],
)
def test_a_best_price_is_any_decimal_and_what_is_none_says_nothing(feed, market, sent, differs):
    (frame,) = market.change((0, 410, 5))
    feed(frame.replace(b'"best_bid":"0.42"', f'"best_bid":"{sent}"'.encode())).end()
    assert feed.found.get("best_differed", 0) == differs


def test_an_empty_side_is_written_0_and_1(feed, market):
    feed(*market.change((0, 420, 0), (0, 410, 0), (0, 400, 0), (1, 540, 0), (1, 550, 0))).end()
    assert feed.found == {"hash_verified": 4, "best_agreed": 2, "mirror_agreed": 4}


def test_a_mirror_that_differs_makes_both_legs_suspect(core):
    feed = Feed(core)
    asks = [("0.60", "10")]
    opening = [book(A, asks=[], hash=""), book(B, bids=[], asks=asks, hash="")]
    feed(*opening, change((A, "BUY", "0.40", "9"), (B, "SELL", "0.60", "8")))
    assert feed.found == {"mirror_agreed": 2, "hash_unchecked": 2}
    feed(change((A, "BUY", "0.40", "7"), (B, "SELL", "0.60", "7"), timestamp="1002"))
    assert feed.found == {"mirror_agreed": 2, "mirror_differed": 2, "hash_unchecked": 4}
    assert feed.statuses == [(A, "suspect", "mirror"), (B, "suspect", "mirror")]


def test_legs_of_different_moments_are_not_compared(core):
    feed = Feed(core)
    feed(book(A, asks=[]), book(B, bids=[], asks=[("0.60", "10")]))
    feed(change((A, "BUY", "0.40", "9")), change((B, "SELL", "0.60", "9"), timestamp="1003"))
    feed(change((A, "BUY", "0.40", "8"), timestamp="1004")).end()
    assert feed.found == {"mirror_agreed": 2, "hash_unchecked": 5}
    assert feed.statuses == []


@pytest.mark.parametrize("sent", ["", "00", "A" * 40, "g" * 40, "0" * 41, None])
def test_a_hash_that_is_none_is_unchecked(core, sent):
    feed = Feed(core)(book(hash=sent)).end()
    assert feed.found == {"hash_unchecked": 1}


@pytest.mark.parametrize("lacks", ["market", "timestamp", "tick_size"])
def test_what_lacks_an_input_is_unchecked(core, market, lacks):
    (message, _other) = json.loads(market.opening())
    del message[lacks]
    assert Feed(core)(encode(message)).end().found == {"hash_unchecked": 1}


def test_a_wrong_book_fails_where_the_facts_are_told_and_is_unchecked_where_they_are_not(core, market):
    wrong = market.opening().replace(b'"size":"100"', b'"size":"101"', 1)
    assert Feed(core)(wrong).end().found == {"hash_unchecked": 1, "hash_verified": 1, "mirror_differed": 2}
    told = Feed(core)
    told.store.learn(market.facts)
    assert told(wrong).end().found == {
        "hash_failed": 1,
        "hash_incidents": 1,
        "hash_verified": 1,
        "mirror_differed": 2,
    }


def test_a_gap_is_no_failure(feed, market):
    market.change((0, 410, 7))  # lost
    feed.events += feed.store.gap([market.a, market.b], feed.stamp, len(feed.events))
    feed(*market.change((0, 420, 5)), *market.change((0, 420, 6)))
    assert feed.found == {"hash_unchecked": 4}
    market.change((0, 410, 8))
    feed(market.opening(), *market.change((0, 420, 7))).end()
    assert feed.found == {"hash_unchecked": 6, "hash_verified": 4, "best_agreed": 2, "mirror_agreed": 4}
    assert [status for _id, status, _cause in feed.statuses] == ["suspect", "suspect", "live", "live"]


def test_salvage_ends_with_a_verified_hash_and_a_gap_does_not(feed, market):
    feed.events += feed.store.gap([market.a], feed.stamp, len(feed.events), "salvage")
    feed.events += feed.store.gap([market.b], feed.stamp, len(feed.events))
    feed(*market.change((0, 420, 5)), *market.change((0, 420, 6)))
    assert feed.statuses[2:] == [(market.a, "live", "")]


def test_older_forms_and_unknown_books_are_not_judged(core):
    entry = {"price": "0.3", "side": "BUY", "size": "4"}
    common = {"event_type": "price_change", "asset_id": A, "market": MARKET, "hash": "0" * 40}
    older = encode(common | {"changes": [entry], "timestamp": "9"})
    assert Feed(core)(older).end().found == {}  # no book yet
    assert Feed(core)(book(hash=""), older).end().found == {"hash_unchecked": 2}


@pytest.mark.parametrize("mode", ["count", "suspect"])
def test_count_changes_no_event(core, market, mode):
    market.change((0, 410, 7))
    frames = [market.opening(), *market.change((0, 420, 0)), *market.change((0, 430, 6))]
    plainly, checked = Feed(core, "off")(*frames).end(), Feed(core, mode)(*frames).end()
    assert (plain(plainly.events) == plain(checked.events)) == (mode == "count" or not checked.statuses)
    assert plainly.store.outcomes() == {}
    assert "hash_verified" not in plainly.store.counters()


def test_a_mode_that_is_none_is_refused(core):
    with pytest.raises(ValueError, match="book_checks"):
        core.store.StateStore("on")


def test_the_generated_feed_has_no_false_alarm(core):
    frames = generate(
        VenueOptions(seed=11, markets=40, rate=1000), 20_000 if core.name == "compiled" else 3_000
    )
    feed = Feed(core)(*(frame.payload for frame in frames)).end()
    assert {name: feed.store.counters()[name] for name in ZERO} == ZERO | {
        "hash_late_trade_price": feed.found["hash_late_trade_price"]
    }
    assert feed.found["hash_late_trade_price"] < feed.found["hash_verified"] / 50


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_no_false_alarm_in_100_000_generated_frames(both_cores, seed):
    print("seed", seed)
    feed = Feed(both_cores[1])
    for frame in generate(VenueOptions(seed=seed, markets=60, rate=1000), 100_000):
        feed(frame.payload)
    assert {name for name in feed.end().found if name in ZERO} <= {
        "hash_late_trade_price",
        "hash_late_tick_size",
    }


def test_the_recorded_feed_has_one_incident(core, shared_data):
    feed = Feed(core)(*filter(None, (shared_data / "ws_market_20260927.ndjson").read_bytes().splitlines()))
    assert feed.end().found == {
        "hash_verified": 48,
        "hash_failed": 16,
        "hash_incidents": 1,
        "best_agreed": 58,
        "mirror_agreed": 64,
    }
    (incident,) = feed.store.incidents()
    assert (incident.market, len(incident.asset_ids)) == (LOST_UPDATE_MARKET, 2)
    assert (incident.bursts, incident.leg_hashes, incident.recovered) == (8, 16, True)
    assert len(feed.statuses) == 4


def test_all_60_rest_books_verify(core, shared_data):
    lines = (shared_data / "rest_books_20260311.jsonl").read_bytes().splitlines()
    books = [rest_book for line in lines for rest_book in json.loads(line)["books"]]
    feeds = [Feed(core)(encode(rest_book)).end() for rest_book in books]
    assert [feed.found for feed in feeds] == [{"hash_verified": 1}] * 60
    # As one stream: a book that was fetched again unchanged goes on with its run.
    assert set(Feed(core)(*map(encode, books)).end().found) == {"hash_verified", "mirror_agreed"}


def test_the_derived_feed_verifies(core, shared_data):
    feed = Feed(core, "count")
    with gzip.open(shared_data / "derived_btc15m_20260928.ndjson.gz") as lines:
        for line in list(lines)[: None if core.name == "compiled" else 400]:
            feed(json.loads(line)["raw"].encode())
    assert set(feed.end().found) == {"hash_verified", "best_agreed", "mirror_agreed"}


def test_sha_1_without_the_processors_instructions(both_cores):
    checks = both_cores[1].checks
    options = VenueOptions(seed=12, markets=10, rate=1000)
    checks.use_sha1_instructions(False)
    try:
        feed = Feed(both_cores[1])(*(frame.payload for frame in generate(options, 2_000))).end()
    finally:
        checks.use_sha1_instructions(True)
    assert feed.found["hash_verified"] > 3_000
    assert "hash_failed" not in feed.found
