"""The ledger: positions at average cost, cash, realized profit and fees; ledger_py.py is the definition."""

include "source_digest.pxi"

from libc.stdint cimport int64_t

from pm_data._fast.e6_c cimport (
    as_int64,
    overflow,
    pm_add,
    pm_multiply_divide,
    pm_multiply_divide_up,
    pm_subtract,
)

cdef int64_t _ONE_E6 = 1_000_000


cdef int64_t _added(int64_t first, int64_t second) except? -1:
    cdef int64_t result
    if pm_add(first, second, &result) < 0:
        raise overflow(str(int(first) + int(second)))
    return result


cdef int64_t _subtracted(int64_t first, int64_t second) except? -1:
    cdef int64_t result
    if pm_subtract(first, second, &result) < 0:
        raise overflow(str(int(first) - int(second)))
    return result


cdef int64_t _notional(int64_t price, int64_t size) except? -1:
    cdef int64_t result
    if pm_multiply_divide(price, size, _ONE_E6, &result) < 0:
        raise overflow(str(int(price) * int(size) // 1_000_000))
    return result


cdef int64_t _notional_up(int64_t price, int64_t size) except? -1:
    cdef int64_t result
    if pm_multiply_divide_up(price, size, _ONE_E6, &result) < 0:
        raise overflow(str(-(-int(price) * int(size) // 1_000_000)))
    return result


cdef int _trade(_Position held, bint is_buy, int64_t value, int64_t traded, _Traded *after) except -1:
    """Put size and cost after a trade of this value into `after`, and what it realizes."""
    cdef int64_t size = 0, cost = 0, open_size, closed, share = 0, closed_value = 0
    if held is not None:
        size, cost = held.size, held.cost
    after.gain = 0
    if size == 0 or (size > 0) == is_buy:
        after.cost = _added(cost, value)
    else:
        open_size = size if size > 0 else -size  # a size is never INT64_MIN, see below
        closed = traded if traded < open_size else open_size
        # Both results are parts of numbers that fit, and so fit themselves.
        pm_multiply_divide(cost, closed, open_size, &share)
        pm_multiply_divide(value, closed, traded, &closed_value)
        after.gain = share - closed_value if is_buy else closed_value - share
        after.cost = cost - share if closed == traded else value - closed_value
    after.size = _added(size, traded) if is_buy else _subtracted(size, traded)
    _subtracted(0, after.size)  # so that a short, too, can be bought back in one fill
    return 0


cdef int64_t _paid(int64_t cash, bint is_buy, int64_t value) except? -1:
    return _subtracted(cash, value) if is_buy else _added(cash, value)


cdef class Ledger:
    """One account, from zero."""

    def __init__(self):
        self._cash_e6 = self._realized_e6 = self._fees_e6 = 0
        self._positions = {}

    @property
    def cash_e6(self):
        """What came in less what went out, from zero."""
        return self._cash_e6

    def fill(self, object market_id, bint is_buy, object price_e6, object size_e6, object fee_e6):
        """Book a fill of `size_e6` > 0 shares at `price_e6` ≥ 0, and its fee ≥ 0."""
        cdef int64_t size = as_int64(size_e6), price = 0, fee = 0
        if size > 0:
            price = as_int64(price_e6)
            if price >= 0:
                fee = as_int64(fee_e6)
        self.book(market_id, is_buy, price, size, fee)

    cdef int book(self, object market_id, bint is_buy, int64_t price, int64_t size, int64_t fee) except -1:
        cdef int64_t value, cash_e6, realized_e6, fees_e6
        cdef _Traded after
        if size <= 0 or price < 0 or fee < 0:
            raise ValueError("a fill needs size > 0, price >= 0 and fee >= 0")
        value = _notional_up(price, size) if is_buy else _notional(price, size)
        _trade(self._positions.get(market_id), is_buy, value, size, &after)
        cash_e6 = _subtracted(_paid(self._cash_e6, is_buy, value), fee)
        realized_e6 = _added(self._realized_e6, after.gain)
        fees_e6 = _added(self._fees_e6, fee)
        self._cash_e6, self._realized_e6, self._fees_e6 = cash_e6, realized_e6, fees_e6
        return self._keep(market_id, after)

    def split(self, object first_id, object second_id, object size_e6):
        """Pay 1 a pair for `size_e6` > 0 shares of each of a market's two tokens."""
        self._exchange(first_id, second_id, True, size_e6)

    def merge(self, object first_id, object second_id, object size_e6):
        """Give back `size_e6` > 0 shares of each of a market's two tokens for 1 a pair."""
        self._exchange(first_id, second_id, False, size_e6)

    cdef int _exchange(self, object first_id, object second_id, bint is_split, object size_e6) except -1:
        cdef int64_t size = as_int64(size_e6), half, cash_e6, realized_e6
        cdef _Traded first, second
        cdef _Position held
        if size <= 0 or first_id == second_id:
            raise ValueError("a pair needs size > 0 and two tokens")
        half = size // 2
        held = self._positions.get(first_id)
        if not is_split and (held is None or held.size < size):
            raise ValueError(f"a merge of {size} needs that much of both tokens")
        _trade(held, is_split, half, size, &first)
        cash_e6 = _paid(self._cash_e6, is_split, half)
        realized_e6 = _added(self._realized_e6, first.gain)
        held = self._positions.get(second_id)
        if not is_split and (held is None or held.size < size):
            raise ValueError(f"a merge of {size} needs that much of both tokens")
        _trade(held, is_split, size - half, size, &second)
        cash_e6 = _paid(cash_e6, is_split, size - half)
        realized_e6 = _added(realized_e6, second.gain)
        self._cash_e6, self._realized_e6 = cash_e6, realized_e6
        self._keep(first_id, first)
        self._keep(second_id, second)
        return 0

    cdef int _keep(self, object market_id, _Traded after) except -1:
        cdef _Position position
        if after.size == 0:
            self._positions.pop(market_id, None)
            return 0
        position = self._positions.get(market_id)
        if position is None:
            position = _Position.__new__(_Position)
            self._positions[market_id] = position
        position.size, position.cost = after.size, after.cost
        return 0

    def settle(self, object market_id, object payout_e6):
        """Close a position at what a share pays: 0, 500,000 or 1,000,000; without one do nothing."""
        cdef int64_t size = self.position(market_id)
        if size:
            self.fill(market_id, size < 0, payout_e6, abs(size), 0)

    def position(self, object market_id):
        """Return the signed size held, negative when short."""
        return self.held(market_id)

    cdef int64_t held(self, object market_id) except? -1:
        cdef _Position position = self._positions.get(market_id)
        return 0 if position is None else position.size

    def open_markets(self):
        """Return the markets with a position, in the order in which they were opened."""
        return list(self._positions)

    def pnl(self, object marks):
        """Return the sums with longs at the bid and shorts at the ask; see the twin."""
        cdef int64_t position_value = 0, costs = 0, value
        cdef _Position position
        positions = {}
        unmarked = []
        for market_id, position in self._positions.items():
            bid, ask = marks.get(market_id, (None, None))
            if position.size > 0:
                value = _notional(0 if bid is None else as_int64(bid), position.size)
                costs = _added(costs, position.cost)
            else:
                value = -_notional_up(_ONE_E6 if ask is None else as_int64(ask), -position.size)
                costs = _subtracted(costs, position.cost)
            position_value = _added(position_value, value)
            if (bid if position.size > 0 else ask) is None:
                unmarked.append(market_id)
            positions[market_id] = position.size
        return {
            "cash_e6": self._cash_e6,
            "realized_pnl_e6": self._realized_e6,
            "unrealized_pnl_e6": _subtracted(position_value, costs),
            "fees_paid_e6": self._fees_e6,
            "total_pnl_e6": _added(self._cash_e6, position_value),
            "position_value_e6": position_value,
            "positions_e6": positions,
            "unmarked": unmarked,
        }
