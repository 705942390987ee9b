"""The limits' C side, for the gate."""

from libc.stdint cimport int64_t

cdef class LimitCheck:
    cdef int64_t _orders_per_event
    cdef int64_t _orders_per_strategy
    cdef int64_t _orders_per_market
    cdef int64_t _notional_e6
    cdef object _position_e6
    cdef object _position
    cdef int64_t _at_event
    cdef dict _of_strategy
    cdef dict _of_market
    cdef dict _asked             # (token, whether up) -> size, which may pass 64 bits

    cdef str check(self, strategy_id, str market_id, price_e6, size_e6, changes)
    cdef bint _grows_past(self, market_id, is_buy, size_e6) except -1
