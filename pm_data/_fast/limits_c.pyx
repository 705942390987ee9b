"""How much strategies may ask for; limits_py.py is the definition."""

include "source_digest.pxi"

from libc.stdint cimport int64_t

from pm_data._fast.e6_c cimport as_int64, overflow, pm_multiply_divide_up


cdef int64_t _notional(price_e6, size_e6) except? -1:
    cdef int64_t result
    if pm_multiply_divide_up(as_int64(price_e6), as_int64(size_e6), 1_000_000, &result) < 0:
        raise overflow(str(-(-price_e6 * size_e6 // 1_000_000)))
    return result


cdef inline int64_t _count(dict counts, key) except? -1:
    count = counts.get(key)
    return 0 if count is None else count


cdef class LimitCheck:
    """Holds orders, splits and merges against the limits, and keeps count."""

    def __init__(self, limits, position):
        self._orders_per_event = limits.orders_per_event
        self._orders_per_strategy = limits.orders_per_strategy
        self._orders_per_market = limits.orders_per_market
        self._notional_e6 = limits.notional_e6
        self._position_e6 = limits.position_e6
        self._position = position
        self._at_event = 0
        self._of_strategy, self._of_market, self._asked = {}, {}, {}

    def refusal(self, strategy_id, str market_id, price_e6, size_e6, changes):
        """Return which limit an intent would pass; None where it passes none and is counted."""
        return self.check(strategy_id, market_id, price_e6, size_e6, changes)

    cdef str check(self, strategy_id, str market_id, price_e6, size_e6, changes):
        cdef int64_t of_strategy = _count(self._of_strategy, strategy_id)
        cdef int64_t of_market = _count(self._of_market, market_id)
        if 0 < self._orders_per_event <= self._at_event:
            return "event_limit"
        if 0 < self._orders_per_strategy <= of_strategy:
            return "strategy_limit"
        if 0 < self._orders_per_market <= of_market:
            return "market_limit"
        if self._notional_e6:
            if self._notional_e6 < (as_int64(size_e6) if price_e6 is None else _notional(price_e6, size_e6)):
                return "notional_limit"
        if self._position_e6:
            for token, is_buy in changes:
                if self._grows_past(token, is_buy, size_e6):
                    return "position_limit"
        self._at_event += 1
        self._of_strategy[strategy_id] = of_strategy + 1
        self._of_market[market_id] = of_market + 1
        for change in changes:
            self._asked[change] = self._asked.get(change, 0) + size_e6
        return None

    def executed(self):
        """Forget what was asked for: it is in the positions now, or did not fill."""
        self._asked.clear()

    def event_done(self):
        """Start the count of the next event."""
        self._at_event = 0

    cdef bint _grows_past(self, market_id, is_buy, size_e6) except -1:
        held = self._position(market_id)
        toward = self._asked.get((market_id, is_buy), 0) + size_e6
        after = abs(held + toward if is_buy else held - toward)
        return after > self._position_e6 and after > abs(held)
