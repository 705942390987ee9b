"""A whole replay in one process: the worked example of the contract, on both cores."""

import hashlib
import time

import pytest
from support.bundles import make_bundle, stamped
from support.frames import book, encode, trade

from pm_data import osdep
from pm_data.bundle.opening import open_bundle
from pm_data.config import Config
from pm_data.runtime.entrypoint import RunOptions, intent_line, run
from pm_data.strategy import CancelIntent, PlaceOrderIntent
from pm_data.strategy.loading import load_strategies

A, B = "1" * 77, "2" * 77


def quotes(asset_id, bid, ask):
    return book(asset_id, bids=[(bid, "10")], asks=[(ask, "10")])


@pytest.fixture(scope="module")
def two_files(tmp_path_factory):
    first = stamped(1000, quotes(A, "0.40", "0.46")) + stamped(1200, quotes(A, "0.41", "0.47"))
    second = stamped(1000, quotes(B, "0.39", "0.45")) + stamped(1300, quotes(B, "0.42", "0.48"))
    return make_bundle(tmp_path_factory.mktemp("two"), {"a.ndjson": first, "b.ndjson": second})


def replay(run_dir, core, settings=(), max_events=None, max_seconds=None, config=None):
    strategies = load_strategies(["toy_spread"], settings)
    records = open_bundle(run_dir).replay_records(pytest.fail)
    options = RunOptions(
        "replay", max_events, max_seconds, print_hash=True, print_pnl=True, print_summary=True
    )
    return run(records, strategies, config or Config(), options, opened_at=time.perf_counter(), core=core)


def expected_lines(tops):
    return "".join(
        f"{seq}|toy_spread|place|{asset_id}|{side}|{price}|1000000|gtc|maker|toy_spread\n"
        for seq, (asset_id, bid, ask) in enumerate(tops, 1)
        for side, price in (("buy", bid), ("sell", ask))
    )


TOPS = [(A, 400_000, 460_000), (B, 390_000, 450_000), (A, 410_000, 470_000), (B, 420_000, 480_000)]


def test_the_worked_example_of_two_shards(core, two_files):
    line = replay(two_files, core)
    assert (line["canonical_events"], line["intents"], line["fills"]) == (4, 8, 0)
    assert line["final_hash"] == hashlib.sha256(expected_lines(TOPS).encode()).hexdigest()
    assert line["pnl"]["total_pnl_e6"] == 0
    assert line["intents_by_strategy"] == {"toy_spread": 8}


def test_max_events_and_max_seconds(core, two_files):
    assert replay(two_files, core, max_events=3)["intents"] == 6
    assert replay(two_files, core, max_seconds=200e-9)["canonical_events"] == 2
    assert replay(two_files, core, max_seconds=201e-9)["canonical_events"] == 3


def test_max_events_counts_inside_a_frame(core, tmp_path):
    frame = b"[" + book(A) + b"," + trade(A) + b"," + book(B) + b"]"
    run_dir = make_bundle(tmp_path, {"a.ndjson": stamped(1, frame)})
    assert replay(run_dir, core, max_events=2)["canonical_events"] == 2


def test_a_taker_fills_at_the_worsened_price_and_pays_the_fee(core, tmp_path):
    run_dir = make_bundle(tmp_path, {"a.ndjson": stamped(1, quotes(A, "0.40", "0.46"))})
    settings = ["toy_spread.order_type=market", "toy_spread.urgency=taker", "toy_spread.tif=ioc"]
    line = replay(run_dir, core, settings)
    # buys 1 share at 0.46 × 1.001 and sells it at 0.40 × 0.999, each for a fee of 1 %
    bought, sold = 460_460, 399_600
    fees = 4_605 + 3_996
    assert line["fills"] == 2
    assert line["pnl"] == {
        "cash_e6": sold - bought - fees,
        "realized_pnl_e6": sold - bought,
        "unrealized_pnl_e6": 0,
        "fees_paid_e6": fees,
        "total_pnl_e6": sold - bought - fees,
        "position_value_e6": 0,
        "positions_e6": {},
        "unmarked": [],
    }


def test_resolution_settles_positions(core, tmp_path):
    resolved = encode(
        {"event_type": "market_resolved", "assets_ids": [A, B], "winning_asset_id": A, "timestamp": "3"}
    )
    book_without_bids = book(A, bids=[], asks=[("0.40", "10")])
    frames = [quotes(A, "0.30", "0.40"), book_without_bids, resolved, quotes(A, "0.30", "0.40")]
    text = "".join(stamped(stamp, frame) for stamp, frame in enumerate(frames))
    run_dir = make_bundle(tmp_path, {"a.ndjson": text})
    settings = ["toy_spread.order_type=market", "toy_spread.urgency=taker", "toy_spread.min_spread_e6=1"]
    line = replay(run_dir, core, [*settings, "toy_spread.size_e6=2000000"], config=Config(sim_fee_bps=0))
    assert line["pnl"]["positions_e6"] == {}
    assert line["counters"]["status_events"] == 2


def test_the_intent_line_of_each_kind():
    place = PlaceOrderIntent("m", "buy", None, 5, "market", "ioc", "taker", "t")
    assert intent_line(3, "s", place) == "3|s|place|m|buy||5|ioc|taker|t\n"
    assert intent_line(3, "s", CancelIntent("m", "sell", "t")) == "3|s|cancel|m|sell|||||t\n"
    assert intent_line(0, "s", PlaceOrderIntent("é", "sell", 1, 5)) == ("0|s|place|é|sell|1|5|gtc|maker|\n")


@pytest.mark.parametrize("print_latency", [False, True])
def test_the_clock_of_the_stages_is_read_only_where_the_report_is_asked_for(
    two_files, core, monkeypatch, print_latency
):
    reads = []
    read = osdep.mono_ns
    monkeypatch.setattr(osdep, "mono_ns", lambda: reads.append(None) or read())
    line = run(
        open_bundle(two_files).replay_records(pytest.fail),
        load_strategies(["toy_spread"], []),
        Config(),
        RunOptions("live", print_hash=True, print_summary=True, print_latency=print_latency),
        opened_at=time.perf_counter(),
        core=core,
    )
    assert ("latency_ns" in line, bool(reads)) == (print_latency, print_latency)
    assert line["canonical_events"] == 4
