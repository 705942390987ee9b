"""How much strategies may ask for: limits on orders, on positions and on notional. 0 is no limit.

The limits on a position hold as if every order that passes fills.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pm_data._fast.e6_py import notional_up


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
    """Holds orders, splits and merges against the limits, and keeps count.

    Args:
        position: the signed size held of a token.
    """

    def __init__(self, limits: OrderLimits, position: Callable[[str], int]) -> None:
        self._limits = limits
        self._position = position
        self._at_event = 0
        self._of_strategy: Counter[str] = Counter()
        self._of_market: Counter[str] = Counter()
        self._asked: dict[tuple[str, bool], int] = {}

    def refusal(
        self,
        strategy_id: str,
        market_id: str,
        price_e6: int | None,
        size_e6: int,
        changes: Sequence[tuple[str, bool]],
    ) -> str | None:
        """Return which limit an intent would pass; None where it passes none and is counted.

        Args:
            price_e6: of a limit order.
            changes: the tokens of which it changes the position, and whether up.
        """
        limits = self._limits
        if 0 < limits.orders_per_event <= self._at_event:
            return "event_limit"
        if 0 < limits.orders_per_strategy <= self._of_strategy[strategy_id]:
            return "strategy_limit"
        if 0 < limits.orders_per_market <= self._of_market[market_id]:
            return "market_limit"
        if limits.notional_e6:
            notional_e6 = size_e6 if price_e6 is None else notional_up(price_e6, size_e6)
            if limits.notional_e6 < notional_e6:
                return "notional_limit"
        if limits.position_e6 and any(
            self._grows_past(market_id, is_buy, size_e6) for market_id, is_buy in changes
        ):
            return "position_limit"
        self._at_event += 1
        self._of_strategy[strategy_id] += 1
        self._of_market[market_id] += 1
        for change in changes:
            self._asked[change] = self._asked.get(change, 0) + size_e6
        return None

    def executed(self) -> None:
        """Forget what was asked for: it is in the positions now, or did not fill."""
        self._asked.clear()

    def event_done(self) -> None:
        """Start the count of the next event."""
        self._at_event = 0

    def _grows_past(self, market_id: str, is_buy: bool, size_e6: int) -> bool:
        held = self._position(market_id)
        toward = self._asked.get((market_id, is_buy), 0) + size_e6
        after = held + toward if is_buy else held - toward
        return abs(after) > self._limits.position_e6 and abs(after) > abs(held)
