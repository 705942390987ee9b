"""The ledger's C side, for the simulated execution."""

from libc.stdint cimport int64_t


cdef class _Position:
    cdef int64_t size
    cdef int64_t cost


cdef struct _Traded:
    int64_t size
    int64_t cost
    int64_t gain


cdef class Ledger:
    cdef int64_t _cash_e6
    cdef int64_t _realized_e6
    cdef int64_t _fees_e6
    cdef dict _positions

    cdef int book(self, object market_id, bint is_buy, int64_t price, int64_t size, int64_t fee) except -1
    cdef int64_t held(self, object market_id) except? -1
    cdef int _exchange(self, object first_id, object second_id, bint is_split, object size_e6) except -1
    cdef int _keep(self, object market_id, _Traded after) except -1
