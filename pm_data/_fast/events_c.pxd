"""The events' C fields, so that the store fills them without a call. -1 stands for None."""

from libc.stdint cimport int64_t


cdef class Fields:
    cdef tuple _values(self)


cdef class TopOfBookUpdate(Fields):
    cdef readonly str market_id
    cdef object _market      # the token's state; None of an event that no store made
    cdef int64_t _bid_px
    cdef int64_t _bid_sz
    cdef int64_t _ask_px
    cdef int64_t _ask_sz
    cdef int64_t _ts_event
    cdef readonly int64_t ts_recv
    cdef readonly int64_t seq


cdef class Trade(Fields):
    cdef readonly str market_id
    cdef readonly str side
    cdef readonly int64_t price_e6
    cdef int64_t _size
    cdef int64_t _ts_event
    cdef readonly int64_t ts_recv
    cdef readonly int64_t seq


cdef class MarketStatus(Fields):
    cdef readonly str market_id
    cdef readonly str status
    cdef readonly str cause
    cdef int64_t _ts_event
    cdef readonly int64_t ts_recv
    cdef readonly int64_t seq
