"""The page of a run: its figures, equity, positions, and fills on the price."""

from collections.abc import Mapping, Sequence

from pm_data.jsonlib import JsonObject
from pm_data.page.document import Part, render
from pm_data.page.parts import Chart, Figure, Figures, Series, Table
from pm_data.page.texts import figure_text, utc_text
from pm_data.page.thinning import Thinned, Value
from pm_data.runtime.run_watch import RunWatch


def run_page(line: JsonObject, watch: RunWatch, strategies: Sequence[str]) -> str:
    """Return the page.

    Args:
        line: the run's summary.
    """
    equity = watch.equity
    seconds = [watch.wall_seconds(stamp) for stamp in equity.stamps_ns]

    def chart(title: str, unit: str, *names: str) -> Chart:
        lines = [Series(name.replace("_", " "), _units(equity, name), "step") for name in names]
        return Chart(title, unit, seconds, lines)

    parts: list[Part] = [
        _figures(line, watch),
        chart("Equity", "total = realized + unrealized − fees", "total", "realized"),
        chart("Value of the positions", "", "position_value"),
        Chart("Open positions", "tokens", seconds, [Series("open", equity.column("open"), "step")]),
        chart("Fees paid", "", "fees"),
        *(_price(watch, market_id, watch.prices[market_id]) for market_id in watch.most_filled()),
        _positions(watch),
        _fills(watch),
        _counts("Refused by the allocator", line["refused"]),
        _counts("Passed, but not filled", line["unfilled"]),
    ]
    if "latency_ns" in line:
        parts.append(_latency(line["latency_ns"]))
    begin = f"{utc_text(int(seconds[0] * 1e9))} · " if seconds else ""
    names = ", ".join(strategies) or "no strategy"
    return render(f"Run of {names}", f"{begin}{line['mode']}, simulated: no order was sent", parts)


def _figures(line: JsonObject, watch: RunWatch) -> Figures:
    pnl = watch.pnl
    figures = [
        Figure("events", figure_text(line["canonical_events"]), f"{figure_text(line['frames'])} frames"),
        Figure(
            "intents", figure_text(line["intents"]), f"{figure_text(sum(line['refused'].values()))} refused"
        ),
        Figure("fills", figure_text(line["fills"]), f"of {len(watch.fills):,} tokens"),
    ]
    if pnl is not None:
        total = pnl["total_pnl_e6"]
        unmarked = len(pnl["unmarked"])
        note = f"{unmarked:,} positions without a mark" if unmarked else "every position is marked"
        figures.append(
            Figure("total PnL", _money(total), note, "bad" if total < 0 else "good" if total else "")
        )
    return Figures(figures)


def _price(watch: RunWatch, market_id: str, thinned: Thinned) -> Chart:
    seconds = [watch.wall_seconds(stamp) for stamp in thinned.stamps_ns]
    lines = [
        Series("bid", _units(thinned, "bid"), "step"),
        Series("ask", _units(thinned, "ask"), "step"),
        Series("bought", _units(thinned, "buy"), "points"),
        Series("sold", _units(thinned, "sell"), "points"),
    ]
    return Chart(f"Fills of {_short(market_id)}", "price", seconds, lines, from_zero=False)


def _positions(watch: RunWatch) -> Table:
    held = watch.pnl["positions_e6"] if watch.pnl is not None else {}
    largest = sorted(held.items(), key=lambda position: (-abs(position[1]), position[0]))
    unmarked = set(watch.pnl["unmarked"]) if watch.pnl is not None else set()
    rows = [
        (market_id, f"{size_e6 / 1e6:,.6f}", "no mark" if market_id in unmarked else "")
        for market_id, size_e6 in largest
    ]
    return Table("Positions at the end", ("token", "shares", ""), rows, "None is open.")


def _fills(watch: RunWatch) -> Table:
    drawn = len(watch.most_filled())
    left_out = len(watch.fills) - drawn
    note = f"Drawn above are the {drawn} with the most fills, each from a fill on; left out: {left_out:,}."
    return Table("Fills by token", ("token", "fills"), watch.fills.most_common(), "Nothing filled.", note)


def _counts(title: str, counts: Mapping[str, int]) -> Table:
    return Table(title, ("reason", "count"), [(name, count) for name, count in counts.items() if count])


def _latency(stages: JsonObject) -> Table:
    names = ("count", "p50", "p90", "p99", "p99_9", "max")
    rows = [(stage, *(figures[name] for name in names)) for stage, figures in stages.items()]
    return Table("Latency, ns", ("stage", *names), rows)


def _units(thinned: Thinned, name: str) -> list[Value]:
    return [None if value is None else value / 1e6 for value in thinned.column(name)]


def _money(value_e6: int) -> str:
    return f"{value_e6 / 1e6:,.2f}"


def _short(market_id: str) -> str:
    return market_id if len(market_id) <= 16 else f"{market_id[:6]}…{market_id[-6:]}"
