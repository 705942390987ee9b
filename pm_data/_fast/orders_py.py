"""The way of nearly every intent, from a strategy's answer to its fill.

A taker fills at once against the top of book as last delivered: at most what is
shown there, less what was already taken since that side's price or size last
changed, at a price made worse by the slippage. Fills are booked here.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pm_data._fast.e6_py import ONE_E6, multiply_divide, notional, notional_up
from pm_data._fast.events_py import TopOfBookUpdate
from pm_data._fast.intents_py import CancelIntent, Fill, Intent, PlaceOrderIntent
from pm_data._fast.ledger_py import Ledger
from pm_data._fast.limits_py import LimitCheck
from pm_data._fast.lines_py import Lines
from pm_data._fast.store_py import StateStore

SIDES = ("buy", "sell")
ORDER_TYPES = ("limit", "market")
TIFS = ("gtc", "ioc")
URGENCIES = ("maker", "taker")
MAX_SIZE_E6 = 9 * 10**15

Group = tuple[str, list[Intent]]
"""A strategy and those of its intents that passed."""
FeeModel = Callable[[str, int, int], int]
"""Return the fee in e6 of one match: of a token, for this notional in e6, of size_e6 shares."""


class SimTerms(NamedTuple):
    """How the simulation fills.

    Args:
        fee: what each fill pays.
        slippage_bps: how much worse than shown a fill is, in basis points of the price.
        max_fill_size_e6: most that one intent fills; 0 means no cap.
        allow_shorts: whether a sale may exceed what is held.
        cash_e6: what may be spent beyond what came in, a short paid for at 1 a share; 0 means no limit.
    """

    fee: FeeModel
    slippage_bps: int = 0
    max_fill_size_e6: int = 0
    allow_shorts: bool = True
    cash_e6: int = 0


class Gate:
    """Say which of a strategy's intents pass.

    Args:
        texts: those that `passes` has found fit for an intent line.
        limits: None for no limits.
        passes: has the rules: says of an intent whether it passes, and counts it where it does not.
    """

    def __init__(
        self, texts: set[str], limits: LimitCheck | None, passes: Callable[[str, Any], bool]
    ) -> None:
        self._texts = texts
        self._limits = limits
        self._passes = passes

    def check(self, strategy_id: str, intents: list[Any]) -> list[Intent]:
        """Return the intents that pass.

        Raises:
            StrategyError: by `passes`.
        """
        if self._limits is None and all(map(self._is_sound, intents)):
            return intents
        return [intent for intent in intents if self._passes(strategy_id, intent)]

    def event_done(self) -> None:
        """Take note that all intents of an event were executed."""
        if self._limits is not None:
            self._limits.event_done()

    def _is_sound(self, intent: object) -> bool:
        """Return whether this is an order or a cancel that passes, as nearly all do."""
        if type(intent) is not PlaceOrderIntent:
            if type(intent) is not CancelIntent:
                return False
            market_id, side, tag = intent
            return (
                type(market_id) is type(tag) is type(side) is str
                and market_id in self._texts
                and tag in self._texts
                and side in SIDES
            )
        market_id, side, price_e6, size_e6, order_type, tif, urgency, tag = intent
        return (
            type(market_id)
            is type(tag)
            is type(side)
            is type(order_type)
            is type(tif)
            is type(urgency)
            is str
            and market_id in self._texts
            and tag in self._texts
            and type(size_e6) is type(price_e6) is int
            and 0 < size_e6 <= MAX_SIZE_E6
            and 0 < price_e6 <= ONE_E6
            and side in SIDES
            and order_type in ORDER_TYPES
            and tif in TIFS
            and urgency in URGENCIES
        )


class Desk:
    """Acknowledge intents and fill takers against the StateStore's books; makers do not fill.

    Args:
        fill: fills what is no order of this core: the fills, or why there are none.
        unfilled: how many intents that ask for a fill got none, by reason.
    """

    def __init__(
        self,
        state: StateStore,
        account: Ledger,
        terms: SimTerms,
        fill: Callable[[str, Any, int], list[Fill] | str],
    ) -> None:
        self._state = state
        self._account = account
        self._terms = terms
        self._fill = fill
        # (token, whether it was bought) -> the level's price and size, and how much of it was taken
        self._taken: dict[tuple[str, bool], tuple[int, int, int]] = {}
        self.acks = 0
        self.unfilled: Counter[str] = Counter()

    def execute(self, strategy_id: str, intents: Sequence[Intent], seq: int) -> list[Fill]:
        """Acknowledge a strategy's intents one after another; return their fills, which are booked.

        Raises:
            E6OverflowError: an amount does not fit 64 bits.
            UsageError: the fee model does not know the token's fees.
        """
        fills: list[Fill] = []
        makers = 0
        for intent in intents:
            found: list[Fill] | str
            if type(intent) is PlaceOrderIntent:
                if intent.urgency == "maker":
                    makers += 1
                    continue
                found = self.take(strategy_id, intent, seq)
            elif type(intent) is CancelIntent:
                continue
            else:
                found = self._fill(strategy_id, intent, seq)
            if isinstance(found, str):
                self.unfilled[found] += 1
            else:
                fills += found
        self.acks += len(intents)
        if makers:
            self.unfilled["maker"] += makers
        return fills

    def top_changed(self, event: TopOfBookUpdate) -> None:
        """Forget what was taken from a side whose price or size has changed."""
        if self._taken:
            self._taken_of(event.market_id, True, event.ask_px_e6, event.ask_sz_e6)
            self._taken_of(event.market_id, False, event.bid_px_e6, event.bid_sz_e6)

    def take(self, strategy_id: str, order: PlaceOrderIntent, seq: int) -> list[Fill] | str:
        """Return the fill of an order, or why there is none.

        Raises:
            E6OverflowError, UsageError: as `execute`.
        """
        if order.urgency != "taker":
            return "maker"
        market_id = order.market_id
        market = self._state.market(market_id)
        if market is None or market.status != "live":
            return "not_live"
        is_buy = order.side == "buy"
        shown_price, shown_size = (
            (market.ask_px_e6, market.ask_sz_e6) if is_buy else (market.bid_px_e6, market.bid_sz_e6)
        )
        if shown_price is None or shown_size is None:
            return "empty_side"
        price_e6 = self._worsened(shown_price, is_buy)
        if order.order_type == "limit" and order.price_e6 is not None:
            passes_limit = price_e6 > order.price_e6 if is_buy else price_e6 < order.price_e6
            if passes_limit:
                return "past_limit"
        # The book may be ahead of its events: all of a frame is applied before its first event leaves.
        taken_e6 = self._taken_of(market_id, is_buy, shown_price, shown_size)
        size_e6 = min(order.size_e6, shown_size - taken_e6)
        if size_e6 <= 0:
            return "used_up"
        if self._terms.max_fill_size_e6:
            size_e6 = min(size_e6, self._terms.max_fill_size_e6)
        if not (is_buy or self._terms.allow_shorts) and size_e6 > self._account.position(market_id):
            return "short"
        notional_e6 = (notional_up if is_buy else notional)(price_e6, size_e6)
        fee_e6 = self._terms.fee(market_id, notional_e6, size_e6)
        outlay_e6 = fee_e6 + (notional_e6 if is_buy else -notional_e6)
        if not self.affords(outlay_e6, {market_id: size_e6 if is_buy else -size_e6}):
            return "cash"
        self._account.fill(market_id, is_buy, price_e6, size_e6, fee_e6)
        self._taken[(market_id, is_buy)] = (shown_price, shown_size, taken_e6 + size_e6)
        return [Fill(strategy_id, market_id, order.side, price_e6, size_e6, fee_e6, seq, order.tag)]

    def affords(self, outlay_e6: int, changes: dict[str, int]) -> bool:
        """Return whether the cash still covers every short at 1 a share after such an outlay and changes."""
        if not self._terms.cash_e6:
            return True
        account = self._account
        shorts = -sum(min(account.position(market_id), 0) for market_id in account.open_markets())
        for market_id, change in changes.items():
            held = account.position(market_id)
            shorts += min(held, 0) - min(held + change, 0)
        return self._terms.cash_e6 + account.cash_e6 - outlay_e6 >= shorts

    def _taken_of(self, market_id: str, is_buy: bool, price_e6: int | None, shown_e6: int | None) -> int:
        """Return how much was taken of this level; what was taken of another is forgotten."""
        found = self._taken.get((market_id, is_buy))
        if found is None:
            return 0
        if found[:2] != (price_e6, shown_e6):
            del self._taken[(market_id, is_buy)]
            return 0
        return found[2]

    def _worsened(self, price_e6: int, is_buy: bool) -> int:
        """Return the price after slippage, rounded against the trader and kept within 0 to 1."""
        if is_buy:
            worse = -multiply_divide(-price_e6, 10_000 + self._terms.slippage_bps, 10_000)
            return min(worse, ONE_E6)
        return multiply_divide(price_e6, 10_000 - self._terms.slippage_bps, 10_000)


class Rounds:
    """Execute what passed, and keep count.

    Args:
        strategies: their ids.
        desk: executes.
        limits: None for no limits.
        timed: executes in the desk's place where somebody takes the time.
        lines: follows intents and fills; None for nobody.
        on_intent: told every intent, with the seq of its event and its strategy; None for nobody.
        on_fill: told every fill; None for nobody.
    """

    def __init__(
        self,
        strategies: Sequence[str],
        desk: Desk,
        limits: LimitCheck | None,
        timed: Callable[[str, list[Intent], int], list[Fill]] | None,
        lines: Lines | None,
        on_intent: Callable[[int, str, Intent], None] | None,
        on_fill: Callable[[Fill], None] | None,
    ) -> None:
        self.intents = 0
        self.fills = 0
        self.intents_by_strategy: Counter[str] = Counter(dict.fromkeys(strategies, 0))
        self._execute = timed or desk.execute
        self._limits = limits
        self._lines = lines
        self._on_intent = on_intent
        self._tells_intents = not (lines is None and on_intent is None)
        self._on_fill = on_fill

    def execute(self, groups: list[Group], seq: int) -> list[Fill]:
        """Execute the intents of one event; return their fills.

        Raises:
            E6OverflowError, UsageError: as `Desk.execute`.
        """
        fills: list[Fill] = []
        for strategy_id, intents in groups:
            self.intents += len(intents)
            self.intents_by_strategy[strategy_id] += len(intents)
            for intent in intents if self._tells_intents else ():
                if self._lines is not None:
                    self._lines.intent(seq, strategy_id, intent)
                if self._on_intent is not None:
                    self._on_intent(seq, strategy_id, intent)
            fills += self._execute(strategy_id, intents, seq)
        self.fills += len(fills)
        for fill in fills:
            if self._lines is not None:
                self._lines.fill(fill)
            if self._on_fill is not None:
                self._on_fill(fill)
        if self._limits is not None:
            self._limits.executed()
        return fills
