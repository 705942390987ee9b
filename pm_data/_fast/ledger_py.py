"""The ledger: positions at average cost, cash, realized profit and fees, to the unit.

All amounts are e6 integers on unbounded arithmetic; where one does not fit
int64, E6OverflowError is raised and nothing has changed (rule M1). A buy's
notional is rounded up and a sale's down, always against the trader.

cash + Σ position values = realized + unrealized − fees holds exactly after
every call, because each rounding is made once and both sides use its result.
"""

from collections.abc import Mapping

from pm_data._fast.e6_py import ONE_E6, multiply_divide, notional, notional_up, require_int64
from pm_data._fast.pnl import Mark, Pnl


class Ledger:
    """One account, from zero."""

    def __init__(self) -> None:
        self._cash_e6 = 0
        self._realized_e6 = 0
        self._fees_e6 = 0
        # market id -> (signed size, cost): the cost of a short is what its sale brought in.
        self._positions: dict[str, tuple[int, int]] = {}

    @property
    def cash_e6(self) -> int:
        """What came in less what went out, from zero."""
        return self._cash_e6

    def fill(self, market_id: str, is_buy: bool, price_e6: int, size_e6: int, fee_e6: int) -> None:
        """Book a fill of `size_e6` > 0 shares at `price_e6` ≥ 0, and its fee ≥ 0.

        Raises:
            ValueError: a negative price or fee, or a size that is not positive.
            TypeError, E6OverflowError: as `e6.require_int64`; nothing has changed.
        """
        if require_int64(size_e6) <= 0 or require_int64(price_e6) < 0 or require_int64(fee_e6) < 0:
            raise ValueError("a fill needs size > 0, price >= 0 and fee >= 0")
        value = notional_up(price_e6, size_e6) if is_buy else notional(price_e6, size_e6)
        size, cost, gain = _traded(self._positions.get(market_id, (0, 0)), is_buy, value, size_e6)
        cash_e6 = require_int64(_paid(self._cash_e6, is_buy, value) - fee_e6)
        realized_e6 = require_int64(self._realized_e6 + gain)
        fees_e6 = require_int64(self._fees_e6 + fee_e6)
        self._cash_e6, self._realized_e6, self._fees_e6 = cash_e6, realized_e6, fees_e6
        self._keep(market_id, size, cost)

    def split(self, first_id: str, second_id: str, size_e6: int) -> None:
        """Pay 1 a pair for `size_e6` > 0 shares of each of a market's two tokens.

        Each is booked as bought at a half; of an odd cost the second takes the unit more.

        Raises:
            ValueError: a size that is not positive, or the same token twice.
            TypeError, E6OverflowError: as `e6.require_int64`; nothing has changed.
        """
        self._exchange(first_id, second_id, True, size_e6)

    def merge(self, first_id: str, second_id: str, size_e6: int) -> None:
        """Give back `size_e6` > 0 shares of each of a market's two tokens for 1 a pair.

        Raises:
            ValueError: as `split`, or less than that is held of one.
            TypeError, E6OverflowError: as `e6.require_int64`; nothing has changed.
        """
        self._exchange(first_id, second_id, False, size_e6)

    def _exchange(self, first_id: str, second_id: str, is_split: bool, size_e6: int) -> None:
        if require_int64(size_e6) <= 0 or first_id == second_id:
            raise ValueError("a pair needs size > 0 and two tokens")
        cash_e6, realized_e6 = self._cash_e6, self._realized_e6
        after = []
        for market_id, value in ((first_id, size_e6 // 2), (second_id, size_e6 - size_e6 // 2)):
            held = self._positions.get(market_id, (0, 0))
            if not is_split and held[0] < size_e6:
                raise ValueError(f"a merge of {size_e6} needs that much of both tokens")
            size, cost, gain = _traded(held, is_split, value, size_e6)
            cash_e6 = _paid(cash_e6, is_split, value)
            realized_e6 = require_int64(realized_e6 + gain)
            after.append((market_id, size, cost))
        self._cash_e6, self._realized_e6 = cash_e6, realized_e6
        for market_id, size, cost in after:
            self._keep(market_id, size, cost)

    def _keep(self, market_id: str, size: int, cost: int) -> None:
        if size:
            self._positions[market_id] = (size, cost)
        else:
            self._positions.pop(market_id, None)

    def settle(self, market_id: str, payout_e6: int) -> None:
        """Close a position at what a share pays: 0, 500,000 or 1,000,000; without one do nothing.

        Raises:
            TypeError, ValueError, E6OverflowError: as `fill`.
        """
        size = self.position(market_id)
        if size:
            self.fill(market_id, size < 0, payout_e6, abs(size), 0)

    def position(self, market_id: str) -> int:
        """Return the signed size held, negative when short."""
        return self._positions.get(market_id, (0, 0))[0]

    def open_markets(self) -> list[str]:
        """Return the markets with a position, in the order in which they were opened."""
        return list(self._positions)

    def pnl(self, marks: Mapping[str, Mark]) -> Pnl:
        """Return the sums with longs at the bid and shorts at the ask.

        A position without that mark is named in `unmarked` and valued at the worst:
        a long at nothing, a short at a full payout.

        Raises:
            E6OverflowError: a sum does not fit int64.
        """
        position_value = costs = 0
        unmarked = []
        for market_id, (size, cost) in self._positions.items():
            bid, ask = marks.get(market_id, (None, None))
            if size > 0:
                value = notional(0 if bid is None else bid, size)
                costs = require_int64(costs + cost)
            else:
                value = -notional_up(ONE_E6 if ask is None else ask, -size)
                costs = require_int64(costs - cost)
            position_value = require_int64(position_value + value)
            if (bid if size > 0 else ask) is None:
                unmarked.append(market_id)
        return {
            "cash_e6": self._cash_e6,
            "realized_pnl_e6": self._realized_e6,
            "unrealized_pnl_e6": require_int64(position_value - costs),
            "fees_paid_e6": self._fees_e6,
            "total_pnl_e6": require_int64(self._cash_e6 + position_value),
            "position_value_e6": position_value,
            "positions_e6": {market_id: size for market_id, (size, _cost) in self._positions.items()},
            "unmarked": unmarked,
        }


def _traded(held: tuple[int, int], is_buy: bool, value: int, traded_e6: int) -> tuple[int, int, int]:
    """Return size and cost after a trade of this value, and what it realizes."""
    size, cost = held
    gain = 0
    if size == 0 or (size > 0) == is_buy:
        cost = require_int64(cost + value)
    else:
        closed = min(traded_e6, abs(size))
        share = multiply_divide(cost, closed, abs(size))
        closed_value = multiply_divide(value, closed, traded_e6)
        gain = share - closed_value if is_buy else closed_value - share
        cost = cost - share if closed == traded_e6 else value - closed_value
    size = size + traded_e6 if is_buy else size - traded_e6
    require_int64(abs(size))  # so that a short, too, can be bought back in one fill
    return size, cost, gain


def _paid(cash: int, is_buy: bool, value: int) -> int:
    return require_int64(cash - value if is_buy else cash + value)
