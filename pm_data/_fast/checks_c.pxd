"""The book checks' C side, for the store."""

cimport cython
from libc.stdint cimport int32_t, int64_t

from pm_data._fast.decode_c cimport Level, Op, OpTexts


ctypedef struct Side:
    Level *levels            # price is the key
    int32_t count
    int32_t capacity


cdef enum Verdict:
    VERDICT_NONE
    VERDICT_VERIFIED
    VERDICT_HASH
    VERDICT_BBO
    VERDICT_MIRROR


ctypedef struct Inputs:
    int64_t tick             # -1 stands for None, in both
    int64_t price


ctypedef struct Key:
    int64_t ts_event         # -1 stands for None
    bint hashed
    unsigned char hash[20]


@cython.final
cdef class MarketCheck:
    cdef str condition_id
    cdef bytes text
    cdef bint facts_known
    cdef int64_t min_size
    cdef int neg_risk        # -1 where it is not known
    cdef Inputs now
    cdef Inputs proven
    cdef list tokens


@cython.final
cdef class TokenCheck:
    cdef str market_id
    cdef bytes text
    cdef const Side *bids    # of the token's state, which the store keeps
    cdef const Side *asks
    cdef int64_t counts[9]
    cdef bint failing
    cdef str doubt
    cdef bint running
    cdef Key key
    cdef Key previous_key
    cdef MarketCheck market
    cdef int64_t ordinal
    cdef int64_t bid         # -1 stands for None, in both
    cdef int64_t ask
    cdef Inputs inputs
    cdef int mirrored        # -1 where it is not known
    cdef bint repeated


@cython.final
cdef class BookChecks:
    cdef readonly object incidents
    cdef dict _tokens
    cdef dict _markets
    cdef char *_text
    cdef Py_ssize_t _capacity

    cdef int learn(self, object condition_id, int64_t tick_size, int64_t last_trade_price) except -1
    cdef int lose(self, str market_id, const Side *bids, const Side *asks, str cause) except -1
    cdef Verdict message(
        self,
        str market_id,
        object condition_id,
        const Side *bids,
        const Side *asks,
        const Op *op,
        const OpTexts *texts,
    ) except *
    cdef MarketCheck _market(self, str condition_id)
    cdef TokenCheck _token(self, str market_id, const Side *bids, const Side *asks)
    cdef Verdict _end(self, TokenCheck token) except *
    cdef int _note_incident(self, TokenCheck token, int outcome) except -1
    cdef int _check_hash(self, TokenCheck token) except -1
    cdef const char *_beginning(self, TokenCheck token, Py_ssize_t *length) except NULL
