"""What a run's page is made of stays small, however long the run, and follows the events' own stamps."""

from pm_data._fast import events
from pm_data.runtime.run_page import run_page
from pm_data.runtime.run_watch import MAX_DRAWN, MAX_EQUITY_POINTS, MAX_FOLLOWED, MAX_PRICE_POINTS, RunWatch
from pm_data.strategy import Fill

MAX_PAGE_BYTES = 300_000
LINE = {"canonical_events": 1, "frames": 1, "intents": 1, "fills": 1, "mode": "replay"}
LINE |= {"refused": {"<b>limit</b>": 3, "never": 0}, "unfilled": {}}


def pnl(total_e6=0, positions=None):
    sums = ("cash", "realized_pnl", "unrealized_pnl", "fees_paid", "position_value")
    return {f"{name}_e6": total_e6 // 3 for name in sums} | {
        "total_pnl_e6": total_e6,
        "positions_e6": positions or {},
        "unmarked": list(positions or {})[:1],
    }


def top(market_id, ts_recv, number):
    return events.TopOfBookUpdate(
        market_id, 123_456 + number % 789, 1, 234_567 + number % 987, 1, None, ts_recv, 1
    )


def test_a_long_run_of_many_tokens_stays_small():
    watch = RunWatch()
    total = 0
    watch.attach(lambda: pnl(total))
    for number in range(60_000):
        total += 1_234_567
        market_id = f"{number % 99}" * 39
        watch.event(top(market_id, number * 250_000_000, number))
        side = "buy" if number % 3 else "sell"
        watch.fill(Fill("s", market_id, side, 123_000 + number % 1000, 10**6, 1, 1, ""))
    watch.finish()
    assert len(watch.equity.stamps_ns) <= MAX_EQUITY_POINTS
    assert watch.equity.column("total")[-1] == total
    assert len(watch.prices) == MAX_FOLLOWED
    assert all(len(price.stamps_ns) <= MAX_PRICE_POINTS for price in watch.prices.values())
    assert watch.fills.total() == 60_000
    page = run_page(LINE, watch, ["s"])
    assert len(page.encode("utf-8")) < MAX_PAGE_BYTES
    assert "&lt;b&gt;limit&lt;/b&gt;" in page
    assert "never" not in page


def test_equity_is_asked_for_ever_more_seldom():
    watch = RunWatch()
    asked = 0

    def ask():
        nonlocal asked
        asked += 1
        return pnl()

    watch.attach(ask)
    for second in range(100_000):
        watch.event(top("1", second * 1_000_000_000, 0))
    assert asked < 8 * MAX_EQUITY_POINTS


def test_a_fill_shows_at_the_next_event():
    watch = RunWatch()
    totals = iter((0, 7_000_000, 9_000_000))
    watch.attach(lambda: pnl(next(totals)))
    watch.event(top("1", 10, 0))
    watch.fill(Fill("s", "1", "buy", 500_000, 10**6, 0, 1, ""))
    watch.event(top("2", 11, 0))
    assert watch.equity.column("total") == [0, 7_000_000]
    watch.finish()
    assert watch.equity.column("total") == [0, 9_000_000]
    assert watch.prices["1"].column("buy") == [500_000]


def test_the_most_filled_are_drawn():
    """Whenever they begin to fill; among equals the larger position goes first."""
    watch = RunWatch()
    watch.attach(lambda: pnl(0, {"few0": -9, "few7": 7, "many": 1}))
    watch.event(top("few0", 10, 0))
    for number in range(MAX_FOLLOWED):
        watch.fill(Fill("s", f"few{number}", "buy", 500_000, 10**6, 0, 1, ""))
    for _ in range(3):
        watch.fill(Fill("s", "many", "sell", 600_000, 10**6, 0, 1, ""))
    watch.finish()
    assert len(watch.prices) == MAX_FOLLOWED
    drawn = watch.most_filled()
    assert drawn[0] == "many"
    assert watch.prices["many"].column("sell") == [600_000]
    assert len(drawn) == MAX_DRAWN
    assert f"left out: {MAX_FOLLOWED + 1 - MAX_DRAWN}." in run_page(LINE, watch, ["s"])
    assert drawn[1] == "few7"


def test_a_run_without_events_has_its_page():
    watch = RunWatch()
    watch.attach(pnl)
    watch.fill(Fill("s", "1", "buy", 500_000, 10**6, 0, 0, ""))
    watch.finish()
    assert "no strategy" in run_page(LINE, watch, [])
