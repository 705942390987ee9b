"""How much strategies may ask for: limits on orders, on positions and on notional. 0 is no limit.

Cancels always pass. The limits on a position hold as if every order that passes fills.
"""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from pm_data._fast import e6
from pm_data.strategy import CancelIntent, Intent, MergeIntent, PlaceOrderIntent, SplitIntent


class OrderLimits(NamedTuple):
    """What an order is held against, in this order.

    Args:
        orders_per_event: orders of all strategies at one event.
        orders_per_strategy: orders of one strategy in the run.
        orders_per_market: orders for one token in the run.
        notional_e6: price × size of one order; without a price, each share counts as 1, as in a pair.
        position_e6: shares of one token, long or short. What brings a position nearer to 0 passes.
    """

    orders_per_event: int = 0
    orders_per_strategy: int = 0
    orders_per_market: int = 0
    notional_e6: int = 0
    position_e6: int = 0


NO_LIMITS = OrderLimits()


class LimitCheck:
    """Holds orders against the limits, and keeps count.

    Args:
        position: the signed size held of a token.
        pair: the two tokens of a token's market.
    """

    def __init__(
        self,
        limits: OrderLimits,
        position: Callable[[str], int],
        pair: Callable[[str], tuple[str, str] | None],
    ) -> None:
        self._limits = limits
        self._position = position
        self._pair = pair
        self._at_event = 0
        self._of_strategy: Counter[str] = Counter()
        self._of_market: Counter[str] = Counter()
        self._asked: dict[tuple[str, bool], int] = {}

    def refusal(self, strategy_id: str, intent: Intent) -> str | None:
        """Return which limit an intent would pass; None where it passes none and is counted."""
        if isinstance(intent, CancelIntent):
            return None
        limits, market_id = self._limits, intent.market_id
        if 0 < limits.orders_per_event <= self._at_event:
            return "event_limit"
        if 0 < limits.orders_per_strategy <= self._of_strategy[strategy_id]:
            return "strategy_limit"
        if 0 < limits.orders_per_market <= self._of_market[market_id]:
            return "market_limit"
        if 0 < limits.notional_e6 < _notional(intent):
            return "notional_limit"
        changes = self._changes(intent)
        if limits.position_e6 and any(
            self._passes(market_id, is_buy, intent.size_e6) for market_id, is_buy in changes
        ):
            return "position_limit"
        self._at_event += 1
        self._of_strategy[strategy_id] += 1
        self._of_market[market_id] += 1
        for change in changes:
            self._asked[change] = self._asked.get(change, 0) + intent.size_e6
        return None

    def executed(self) -> None:
        """Forget what was asked for: it is in the positions now, or did not fill."""
        self._asked.clear()

    def event_done(self) -> None:
        """Start the count of the next event."""
        self._at_event = 0

    def _changes(self, intent: Intent) -> list[tuple[str, bool]]:
        """Return the tokens of which an intent changes the position, and whether up."""
        if isinstance(intent, SplitIntent | MergeIntent):
            pair = self._pair(intent.market_id) or (intent.market_id,)
            return [(market_id, isinstance(intent, SplitIntent)) for market_id in pair]
        assert isinstance(intent, PlaceOrderIntent)
        return [(intent.market_id, intent.side == "buy")]

    def _passes(self, market_id: str, is_buy: bool, size_e6: int) -> bool:
        held = self._position(market_id)
        toward = self._asked.get((market_id, is_buy), 0) + size_e6
        after = held + toward if is_buy else held - toward
        return abs(after) > self._limits.position_e6 and abs(after) > abs(held)


def _notional(intent: Intent) -> int:
    if isinstance(intent, PlaceOrderIntent) and intent.price_e6 is not None:
        return e6.notional_up(intent.price_e6, intent.size_e6)
    assert not isinstance(intent, CancelIntent)
    return intent.size_e6
