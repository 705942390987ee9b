"""Watch a run for its page: equity, prices and fills over time. It decides nothing; its memory is bounded."""

from collections import Counter
from collections.abc import Callable

from pm_data._fast import events
from pm_data._fast.pnl import Pnl
from pm_data.page.thinning import Keep, Thinned
from pm_data.strategy import Fill

MAX_EQUITY_POINTS = 1000
MAX_PRICE_POINTS = 400
MAX_DRAWN = 6
"""Tokens whose price is drawn: those with the most fills."""
MAX_FOLLOWED = 64
"""Tokens whose price is followed, each from its first fill on: nobody knows before which will fill most."""

_SAMPLE_NS = 100_000_000
_EQUITY: dict[str, Keep] = dict.fromkeys(("total", "realized", "fees", "position_value", "open"), "last")
_PRICE: dict[str, Keep] = dict.fromkeys(("bid", "ask", "buy", "sell"), "last")


class RunWatch:
    """Takes what an orchestrator tells; the stamps are the events' own.

    Equity is sampled in event time, ever more seldom as the run goes on.

    Args:
        wall_minus_mono_ns: what to add to a stamp for the wall clock's time at the run's begin.
    """

    def __init__(self, wall_minus_mono_ns: int = 0) -> None:
        self.equity = Thinned(_EQUITY, MAX_EQUITY_POINTS)
        self.prices: dict[str, Thinned] = {}
        """By token, in e6; `buy` and `sell` are fills."""
        self.fills: Counter[str] = Counter()
        """Fills by token."""
        self.pnl: Pnl | None = None
        """The last that was asked for."""
        self._wall_minus_mono_ns = wall_minus_mono_ns
        self._ask_pnl: Callable[[], Pnl] | None = None
        self._due_ns = 0
        self._now_ns: int | None = None

    def attach(self, ask_pnl: Callable[[], Pnl]) -> None:
        """Learn whom to ask for the ledger's sums."""
        self._ask_pnl = ask_pnl

    def event(self, event: events.Event) -> None:
        """Take an event into account; what it brings about comes later."""
        self._now_ns = event.ts_recv
        if event.ts_recv >= self._due_ns:
            self._sample(event.ts_recv)
        price = self.prices.get(event.market_id)
        if price is not None and isinstance(event, events.TopOfBookUpdate):
            price.add(event.ts_recv, {"bid": event.bid_px_e6, "ask": event.ask_px_e6})

    def fill(self, fill: Fill) -> None:
        """Take a fill into account."""
        self.fills[fill.market_id] += 1
        if fill.market_id not in self.prices:
            self._follow(fill.market_id)
        if fill.market_id in self.prices and self._now_ns is not None:  # in on_start there is no time yet
            self.prices[fill.market_id].add(self._now_ns, {fill.side: fill.price_e6})
        self._due_ns = 0  # what it did to the equity shows at the next event

    def finish(self) -> None:
        """Take the end of the run into account."""
        if self._now_ns is not None:
            self._sample(self._now_ns)

    def most_filled(self) -> list[str]:
        """Return the tokens to draw: most fills first, then the largest position."""
        held = self.pnl["positions_e6"] if self.pnl is not None else {}
        first = sorted(self.prices, key=lambda token: (-self.fills[token], -abs(held.get(token, 0))))
        return first[:MAX_DRAWN]

    def wall_seconds(self, mono_ns: int) -> float:
        """Return when it was, in seconds since 1970 UTC, by the wall clock at the run's begin."""
        return (mono_ns + self._wall_minus_mono_ns) / 1e9

    def _follow(self, market_id: str) -> None:
        """Follow a token's price; where all places are taken, only if it fills more than one that has one."""
        if len(self.prices) == MAX_FOLLOWED:
            least = min(self.prices, key=self.fills.__getitem__)
            if self.fills[least] >= self.fills[market_id]:
                return
            del self.prices[least]
        self.prices[market_id] = Thinned(_PRICE, MAX_PRICE_POINTS)

    def _sample(self, now_ns: int) -> None:
        assert self._ask_pnl is not None
        pnl = self.pnl = self._ask_pnl()
        self.equity.add(
            now_ns,
            {
                "total": pnl["total_pnl_e6"],
                "realized": pnl["realized_pnl_e6"],
                "fees": pnl["fees_paid_e6"],
                "position_value": pnl["position_value_e6"],
                "open": len(pnl["positions_e6"]),
            },
        )
        self._due_ns = now_ns + max(_SAMPLE_NS, self.equity.width_ns)
