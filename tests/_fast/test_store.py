"""The StateStore: what leaves it when, and what state it keeps (SPEC.md 5 and 12)."""

import pytest
from support.frames import MARKET, A, B, book, change, encode, trade
from support.state import plain

from pm_data._fast.ops import TokenState


class Feed:
    """Give frames to a store, numbering and stamping as a run does."""

    def __init__(self, core):
        self.store = core.store.StateStore()
        self.seq = 0
        self.stamp = 0

    def frame(self, payload, conn=1):
        self.stamp += 1
        return self.take(self.store.frame(payload, conn, self.stamp, self.seq))

    def gap(self, *asset_ids):
        self.stamp += 1
        return self.take(self.store.gap(asset_ids, self.stamp, self.seq))

    def take(self, events):
        assert [event.seq for event in events] == list(range(self.seq + 1, self.seq + 1 + len(events)))
        self.seq += len(events)
        return [
            (event.kind, event.market_id, event.bid_px_e6, event.ask_px_e6)
            if event.kind == "top_of_book"
            else (event.kind, *tuple(event)[:3])
            for event in events
        ]


@pytest.fixture
def feed(core):
    return Feed(core)


def top(asset_id, bid, ask):
    return ("top_of_book", asset_id, bid, ask)


def test_events_read_compare_and_print_alike(both_cores):
    pure, compiled = both_cores
    values = {
        "TopOfBookUpdate": ("1", 1, None, 3, 4, None, 6, 7),
        "Trade": ("1", None, 3, None, 5, 6, 7),
        "MarketStatus": ("1", "live", "", None, 5, 6),
    }
    for name, fields in values.items():
        first, second = getattr(pure.events, name)(*fields), getattr(compiled.events, name)(*fields)
        assert tuple(first) == tuple(second) == fields
        assert repr(first) == repr(second)
        assert first._asdict() == second._asdict()
        assert first._fields == second._fields
        assert (len(first), first[1], first.kind) == (len(second), second[1], second.kind)
        assert second == fields
        assert second == getattr(compiled.events, name)(*fields)
        assert hash(first) == hash(second)
        for event in (first, second):
            with pytest.raises(AttributeError):
                event.seq = 1


def test_a_book_then_a_change_emits_only_what_changed(feed):
    assert feed.frame(book()) == [top(A, 400_000, 460_000)]
    assert feed.frame(book()) == []
    assert feed.frame(change((A, "BUY", "0.30", "9"))) == []
    assert feed.frame(change((A, "BUY", "0.41", "9"))) == [top(A, 410_000, 460_000)]
    assert feed.frame(change((A, "BUY", "0.41", "0"))) == [top(A, 400_000, 460_000)]
    assert feed.frame(change((A, "BUY", "0.99", "0"))) == []
    assert feed.store.market(A).bids() == [(400_000, 10_000_000), (300_000, 9_000_000)]


def test_one_update_a_token_and_frame_at_its_last_change(feed):
    feed.frame(book(A))
    feed.frame(book(B))
    frame = change((A, "BUY", "0.41", "1"), (B, "BUY", "0.42", "1"), (A, "SELL", "0.45", "1"))
    assert feed.frame(frame) == [top(B, 420_000, 460_000), top(A, 410_000, 450_000)]
    back = change((A, "BUY", "0.44", "1"), (A, "BUY", "0.44", "0"))
    assert feed.frame(back) == []


def test_a_batch_emits_in_wire_order(feed):
    frame = b"[" + b",".join([trade(B), book(A), trade(A), book(B)]) + b"]"
    assert feed.frame(frame) == [
        ("trade", B, "buy", 460_000),
        top(A, 400_000, 460_000),
        ("trade", A, "buy", 460_000),
        top(B, 400_000, 460_000),
    ]
    assert feed.store.asset_ids() == [B, A]


def test_an_empty_side_is_none(feed):
    feed.frame(book())
    assert feed.frame(book(asks=[])) == [top(A, 400_000, None)]
    assert feed.frame(book(bids=[], asks=[])) == [top(A, None, None)]


def test_a_change_before_the_first_book_changes_nothing(feed):
    assert feed.frame(change((A, "BUY", "0.41", "1"))) == []
    assert feed.store.market(A).status == "new"
    assert feed.store.counters()["delta_without_book"] == 1
    assert feed.store.market(A).bids() == []


def test_of_a_price_named_twice_the_last_counts_and_size_zero_is_no_level(feed):
    feed.frame(book(bids=[("0.1", "1"), ("0.2", "5"), ("0.2", "6"), ("0.3", "7"), ("0.3", "0")]))
    assert feed.store.market(A).bids() == [(200_000, 6_000_000), (100_000, 1_000_000)]
    feed.frame(book(bids=[("0.2", "5"), ("0.1", "1"), ("0.2", "6")]))
    assert feed.store.market(A).bids() == [(200_000, 6_000_000), (100_000, 1_000_000)]
    assert feed.store.counters()["bid_scan_count"] == 1


def test_a_list_that_fools_the_sample_is_seen(feed):
    prices = [f"0.{number:02d}" for number in range(10, 60)]
    prices[3], prices[4] = prices[4], prices[3]
    assert feed.frame(book(bids=[(price, "1") for price in prices])) == [top(A, 590_000, 460_000)]
    counters = feed.store.counters()
    assert (counters["tob_sample_misses"], counters["bid_scan_count"]) == (1, 1)
    assert feed.store.market(A).bids() == sorted(feed.store.market(A).bids(), reverse=True)


def test_a_crossed_book_is_emitted_and_counted(feed):
    assert feed.frame(book(bids=[("0.5", "1")], asks=[("0.5", "1")])) == [top(A, 500_000, 500_000)]
    assert feed.store.counters()["crossed"] == 1


def test_a_gap_ends_with_the_next_full_book_only(feed):
    feed.frame(book())
    assert feed.gap(A, B) == [("status", A, "suspect", "gap")]
    assert feed.gap(A) == []
    assert feed.frame(change((A, "BUY", "0.45", "1"))) == []
    assert feed.store.market(A).bid_px_e6 == 400_000
    assert feed.frame(trade()) == [("trade", A, "buy", 460_000)]
    frame = book(bids=[("0.44", "1")])
    assert feed.frame(frame) == [("status", A, "live", ""), top(A, 440_000, 460_000)]
    assert feed.store.market(B).status == "new"


def test_on_the_way_out_an_unchanged_top_is_not_repeated(feed):
    feed.frame(book())
    feed.gap(A)
    assert feed.frame(book()) == [("status", A, "live", "")]


def test_a_token_belongs_to_one_connection(feed):
    feed.store.own([A], 1)
    feed.store.own([A], 2)
    assert feed.frame(book(), conn=2) == []
    assert feed.store.counters()["not_owner"] == 1
    assert len(feed.frame(book(), conn=1)) == 1
    feed.store.handover([A], 2)
    assert feed.frame(book(bids=[("0.41", "1")]), conn=1) == []
    assert len(feed.frame(book(bids=[("0.41", "1")]), conn=2)) == 1
    feed.store.release(2)
    assert feed.store.market(A).connection == 0
    feed.store.own([A], 3)
    feed.store.disown([A], 2)
    assert feed.store.market(A).connection == 3
    feed.store.disown([A], 3)
    assert feed.store.market(A).connection == 0


def test_tick_size_status_only_when_it_changes(feed):
    tick = encode(
        {"event_type": "tick_size_change", "asset_id": A, "new_tick_size": "0.001", "timestamp": "1"}
    )
    assert feed.frame(tick) == [("status", A, "tick_size", "0.001")]
    assert feed.frame(tick) == []


def test_resolution_is_for_good(feed):
    feed.frame(book())
    resolved = encode(
        {"event_type": "market_resolved", "assets_ids": [A, B], "winning_asset_id": A, "timestamp": "1"}
    )
    assert feed.frame(resolved) == [("status", A, "resolved", "1"), ("status", B, "resolved", "0")]
    assert feed.frame(resolved) == []
    assert feed.frame(book(bids=[("0.9", "1")])) == []
    assert feed.gap(A) == []
    assert feed.store.market(A).status == "resolved"


def test_state_names_the_market_and_the_last_trade(feed):
    feed.frame(book(tick_size="0.01", last_trade_price="0.44"))
    state = feed.store.market(A)
    assert (state.market, state.tick_size_e6, state.last_trade_price_e6) == (MARKET, 10_000, 440_000)
    feed.frame(trade(price="0.45", size="3"))
    assert (state.last_trade_price_e6, state.last_trade_size_e6, state.sequence) == (450_000, 3_000_000, 2)
    assert feed.store.market("unknown") is None


def test_events_of_both_cores_are_equal(both_cores):
    frames = [book(), change((A, "SELL", "0.45", "3")), trade(), book(B)]
    stores = [core.store.StateStore() for core in both_cores]
    for frame in frames:
        first, second = (plain(store.frame(frame, 1, 5, 0)) for store in stores)
        assert first == second


def test_a_token_can_be_brought_into_a_state_without_an_event(feed):
    feed.frame(book())
    feed.store.own([A], 3)
    feed.gap(A)
    bids, asks = [(420_000, 7), (100_000, 1)], [(500_000, 2)]
    state = TokenState("0x1", "suspect", "gap", 5, 410_000, 7, 500_000, 2, 1_000, 450_000, None, bids, asks)
    feed.store.restore(A, state, 99)
    market = feed.store.market(A)
    assert TokenState(*(getattr(market, name) for name in TokenState._fields[:-2]), bids, asks) == state
    assert (market.bids(), market.asks(), market.connection, market.ts_recv) == (bids, asks, 3, 99)
    # The top last delivered is the one that it was given: this book's is another.
    assert feed.frame(book(bids=[("0.42", "7")], asks=[]), conn=3) == [
        ("status", A, "live", ""),
        top(A, 420_000, None),
    ]
    feed.store.restore(B, state._replace(status="new", bids=[], asks=[]), 100)
    assert feed.frame(change((B, "BUY", "0.4", "1"))) == []
    assert feed.store.counters()["delta_without_book"] == 1


def test_a_restored_tick_size_changes_only_where_it_differs(feed):
    state = TokenState(None, "new", "", None, None, None, None, None, 1_000, None, None, [], [])
    feed.store.restore(A, state, 1)
    tick = {"event_type": "tick_size_change", "asset_id": A, "timestamp": "1"}
    assert feed.frame(encode(tick | {"new_tick_size": "0.001"})) == []
    assert feed.frame(encode(tick | {"new_tick_size": "0.01"})) == [("status", A, "tick_size", "0.01")]
