"""The base class of strategies, and the views that its callbacks are given."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pm_data._fast import events, ledger, store
from pm_data._fast.loop_py import Moment
from pm_data._fast.ops import GlobalState as GlobalState
from pm_data._fast.pnl import Pnl
from pm_data.strategy.intents import Fill, Intents

TopOfBookUpdate = events.TopOfBookUpdate
Trade = events.Trade
MarketStatus = events.MarketStatus
MarketState = store.MarketState

Parameter = str | int


class Context:
    """Where the run stands: the event being processed, and every token's state."""

    def __init__(
        self,
        strategy_id: str,
        moment: Moment,
        state: store.StateStore,
        fee_e6: Callable[[str, int, int], int],
    ) -> None:
        self.strategy_id = strategy_id
        self.market: Callable[[str], MarketState | None] = state.market
        """Return a token's state by its asset id; None for an unknown one."""
        self.pair: Callable[[str], tuple[str, str] | None] = state.pair
        """Return the two tokens of a token's market, by its asset id; None where the stream names none.

        The first outcome's is first where a universe record names the market, else the one seen first.
        """
        self.global_state: Callable[[], GlobalState] = state.global_state
        """Return the sums over all tokens at this moment."""
        self.fee_e6 = fee_e6
        """Return what a fill would pay: of a token, for a notional in e6, of a size in e6 shares."""
        self._moment = moment

    @property
    def seq(self) -> int:
        """Return the number of the event being processed; 0 in on_start."""
        return self._moment.seq

    @property
    def ts_recv(self) -> int | None:
        """Return the event's receive stamp in ns: the only clock a strategy has."""
        return self._moment.ts_recv


class Portfolio:
    """The account as the simulation keeps it, to read only."""

    def __init__(self, account: ledger.Ledger, pnl: Callable[[], Pnl]) -> None:
        self._account = account
        self.pnl = pnl
        """Return the ledger's sums, marked at the books of this moment."""

    @property
    def cash_e6(self) -> int:
        """What came in less what went out, from zero."""
        return self._account.cash_e6

    def position(self, market_id: str) -> int:
        """Return the signed size held of a token, e6 shares."""
        return self._account.position(market_id)


class Strategy:
    """Turn events into intents. Override what you need; the rest costs nothing.

    `parameters` names what may be set by `--strategy-params NAME.key=value`, with
    its default; a value is read as the default's type. `timer_period_ns` is the time
    between two `on_timer`; it is read once, after `on_start`.
    """

    parameters: ClassVar[Mapping[str, Parameter]] = {}
    timer_period_ns: int = 0

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self.params: dict[str, Any] = dict(parameters)

    def on_start(self, ctx: Context, portfolio: Portfolio) -> Intents:
        """Run once, before the first event."""

    def on_top_of_book(
        self, ctx: Context, event: TopOfBookUpdate, market_state: MarketState, portfolio: Portfolio
    ) -> Intents:
        """Run when a token's best bid or ask changed in price or size."""

    def on_trade(
        self, ctx: Context, event: Trade, market_state: MarketState, portfolio: Portfolio
    ) -> Intents:
        """Run when a trade was announced."""

    def on_status(
        self, ctx: Context, event: MarketStatus, market_state: MarketState, portfolio: Portfolio
    ) -> Intents:
        """Run when a token's trust or terms changed."""

    def on_fill(self, ctx: Context, fill: Fill, market_state: MarketState, portfolio: Portfolio) -> Intents:
        """Run when one of this strategy's own intents filled."""

    def on_timer(self, ctx: Context, due_ns: int, portfolio: Portfolio) -> Intents:
        """Run when event time reaches the run's first event + k × `timer_period_ns`, before that event.

        After a pause it runs once, for the latest time that has passed.
        """

    def on_stop(self, ctx: Context, portfolio: Portfolio) -> Intents:
        """Run once, after the last event."""

    def report(self) -> Mapping[str, Parameter]:
        """Return what the run's summary shall say of this strategy (`reports`, with --print-summary-json)."""
        return {}


CALLBACKS = tuple(name for name in vars(Strategy) if name.startswith("on_"))
