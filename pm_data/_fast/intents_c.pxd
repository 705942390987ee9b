"""The intents' C fields. Each may be anything: a strategy fills them, and the allocator looks at them."""

from pm_data._fast.events_c cimport Fields


cdef class PlaceOrderIntent(Fields):
    cdef readonly object market_id
    cdef readonly object side
    cdef readonly object price_e6
    cdef readonly object size_e6
    cdef readonly object order_type
    cdef readonly object tif
    cdef readonly object urgency
    cdef readonly object tag


cdef class CancelIntent(Fields):
    cdef readonly object market_id
    cdef readonly object side
    cdef readonly object tag


cdef class SplitIntent(Fields):
    cdef readonly object market_id
    cdef readonly object size_e6
    cdef readonly object tag


cdef class MergeIntent(Fields):
    cdef readonly object market_id
    cdef readonly object size_e6
    cdef readonly object tag


cdef class Fill(Fields):
    cdef readonly object strategy_id
    cdef readonly object market_id
    cdef readonly object side
    cdef readonly object price_e6
    cdef readonly object size_e6
    cdef readonly object fee_e6
    cdef readonly object seq
    cdef readonly object tag
