"""The way of nearly every intent, from a strategy's answer to its fill; orders_py.py is the definition."""

include "source_digest.pxi"

cimport cython
from cpython.dict cimport PyDict_GetItemWithError, PyDict_SetItem
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_CheckExact
from libc.stdint cimport int64_t
from libc.string cimport memchr

from pm_data._fast.e6_c cimport as_int64, overflow, pm_multiply_divide, pm_multiply_divide_up
from pm_data._fast.events_c cimport TopOfBookUpdate
from pm_data._fast.intents_c cimport CancelIntent, Fill, PlaceOrderIntent
from pm_data._fast.ledger_c cimport Ledger
from pm_data._fast.limits_c cimport LimitCheck
from pm_data._fast.lines_c cimport Lines

from collections import Counter

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    void *PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)

cdef int64_t _ONE_E6 = 1_000_000
cdef int64_t _MAX_SIZE_E6 = 9 * 10**15


cdef inline bint _fits_line(object text) noexcept:
    """Return whether this is a plain text without what would break an intent line."""
    if not PyUnicode_CheckExact(text) or not PyUnicode_IS_COMPACT_ASCII(text):
        return False
    cdef const void *data = PyUnicode_DATA(text)
    cdef size_t length = PyUnicode_GET_LENGTH(text)
    return (
        memchr(data, b"|", length) == NULL
        and memchr(data, b"\n", length) == NULL
        and memchr(data, b"\r", length) == NULL
    )


cdef inline bint _is_one_of(object text, str first, str second):
    return text is first or text is second or (PyUnicode_CheckExact(text) and (text == first or text == second))


cdef inline bint _is_within(object value, int64_t most):
    """Return whether this is an exact int above 0 and at most that."""
    cdef int too_large = 0
    cdef int64_t number
    if not PyLong_CheckExact(value):
        return False
    number = PyLong_AsLongLongAndOverflow(value, &too_large)
    return not too_large and 0 < number <= most


cdef inline bint _is_sound_order(PlaceOrderIntent order, str fit):
    return (
        _is_within(order.price_e6, _ONE_E6)
        and _is_within(order.size_e6, _MAX_SIZE_E6)
        and _is_one_of(order.side, "buy", "sell")
        and _is_one_of(order.order_type, "limit", "market")
        and _is_one_of(order.tif, "gtc", "ioc")
        and _is_one_of(order.urgency, "maker", "taker")
        and (order.market_id is fit or _fits_line(order.market_id))
        and _fits_line(order.tag)
    )


@cython.final
cdef class Gate:
    """Say which of a strategy's intents pass; see the twin. It knows a fit text by looking at it."""

    def __init__(self, texts, LimitCheck limits, passes):
        self._limits, self._passes = limits, passes

    def check(self, strategy_id, list intents not None):
        """Return the intents that pass; see the twin."""
        return self.answer(strategy_id, intents, "")

    cdef list answer(self, strategy_id, list intents, str fit):
        """Return the intents that pass; `fit` is known to fit a line: a token's id may not be in the nearest cache."""
        cdef Py_ssize_t i
        if self._limits is None:
            for i in range(PyList_GET_SIZE(intents)):
                if not _is_sound(<object>PyList_GET_ITEM(intents, i), fit):
                    break
            else:
                return intents
        return [intent for intent in intents if self._may_pass(strategy_id, intent, fit)]

    cdef bint _may_pass(self, strategy_id, intent, str fit) except -1:
        cdef PlaceOrderIntent order
        if self._limits is None:
            if _is_sound(intent, fit):
                return True
        elif type(intent) is PlaceOrderIntent and _is_sound_order(<PlaceOrderIntent>intent, fit):
            order = <PlaceOrderIntent>intent
            changes = ((order.market_id, order.side == "buy"),)
            if self._limits.check(strategy_id, order.market_id, order.price_e6, order.size_e6, changes) is None:
                return True
        return self._passes(strategy_id, intent)

    def event_done(self):
        """Take note that all intents of an event were executed."""
        self.end_event()

    cdef int end_event(self) except -1:
        if self._limits is not None:
            self._limits.event_done()
        return 0


cdef inline bint _is_sound(object intent, str fit):
    """Return whether this is an order or a cancel that passes, as nearly all do."""
    if type(intent) is PlaceOrderIntent:
        return _is_sound_order(<PlaceOrderIntent>intent, fit)
    if type(intent) is not CancelIntent:
        return False
    return (
        _is_one_of((<CancelIntent>intent).side, "buy", "sell")
        and ((<CancelIntent>intent).market_id is fit or _fits_line((<CancelIntent>intent).market_id))
        and _fits_line((<CancelIntent>intent).tag)
    )


@cython.final
@cython.no_gc
cdef class _Taken:
    """How much of one shown level this run has taken."""

    cdef int64_t price
    cdef int64_t shown
    cdef int64_t size


cdef inline int _count(counts, key, Py_ssize_t more) except -1:
    """Count in a Counter, which is a dict."""
    cdef PyObject *found = PyDict_GetItemWithError(counts, key)
    return PyDict_SetItem(counts, key, more if found == NULL else <object>found + more)


@cython.final
cdef class Desk:
    """Acknowledge intents and fill takers against the StateStore's books; see the twin."""

    def __init__(self, state, Ledger account not None, terms, fill):
        self._market, self._account, self._fill = state.market, account, fill
        self._fee, self._allow_shorts, self._cash_e6 = terms.fee, terms.allow_shorts, terms.cash_e6
        self._slippage_bps, self._max_fill_size_e6 = terms.slippage_bps, terms.max_fill_size_e6
        self._bought, self._sold = {}, {}
        self.unfilled = Counter()

    def execute(self, strategy_id, intents, seq):
        """Acknowledge a strategy's intents one after another; return their fills, which are booked."""
        return self.fills(strategy_id, intents if type(intents) is list else list(intents), seq) or []

    cdef list fills(self, strategy_id, list intents, int64_t seq):
        """Return the fills, None for none."""
        cdef list fills = None
        cdef Py_ssize_t makers = 0
        cdef PlaceOrderIntent order
        for intent in intents:
            if type(intent) is PlaceOrderIntent:
                if (<PlaceOrderIntent>intent).urgency == "maker":
                    makers += 1
                    continue
                order = <PlaceOrderIntent>intent
                limit_e6 = order.price_e6 if order.order_type == "limit" else None
                found = self._take(
                    strategy_id, order.market_id, order.side, limit_e6, order.size_e6, order.tag, seq
                )
            elif type(intent) is CancelIntent:
                continue
            else:
                found = self._fill(strategy_id, intent, seq)
            if type(found) is str:
                _count(self.unfilled, found, 1)
            elif fills is None:
                fills = found
            else:
                fills += found
        self.acks += PyList_GET_SIZE(intents)
        if makers:
            _count(self.unfilled, "maker", makers)
        return fills

    def top_changed(self, TopOfBookUpdate event not None):
        """Forget what was taken from a side whose price or size has changed."""
        self.forget(event)

    cdef int forget(self, TopOfBookUpdate event) except -1:
        if self._bought:
            self._taken_of(True, event.market_id, event._ask_px, event._ask_sz)
        if self._sold:
            self._taken_of(False, event.market_id, event._bid_px, event._bid_sz)
        return 0

    def take(self, strategy_id, order, seq):
        """Return the fill of an order, or why there is none."""
        if order.urgency != "taker":
            return "maker"
        limit_e6 = order.price_e6 if order.order_type == "limit" else None
        return self._take(strategy_id, order.market_id, order.side, limit_e6, order.size_e6, order.tag, seq)

    cdef object _take(self, strategy_id, market_id, side, limit_e6, int64_t size, tag, int64_t seq):
        cdef int64_t price, notional, fee, shown_price, shown_size, taken
        cdef bint is_buy = side == "buy"
        cdef _Taken level
        market = self._market(market_id)
        if market is None or market.status != "live":
            return "not_live"
        shown_price_e6, shown_size_e6 = (
            (market.ask_px_e6, market.ask_sz_e6) if is_buy else (market.bid_px_e6, market.bid_sz_e6)
        )
        if shown_price_e6 is None or shown_size_e6 is None:
            return "empty_side"
        shown_price, shown_size = shown_price_e6, shown_size_e6
        price = self._worsened(shown_price, is_buy)
        if limit_e6 is not None and (price > limit_e6 if is_buy else price < limit_e6):
            return "past_limit"
        # The book may be ahead of its events: all of a frame is applied before its first event leaves.
        taken = self._taken_of(is_buy, market_id, shown_price, shown_size)
        size = min(size, shown_size - taken)
        if size <= 0:
            return "used_up"
        if self._max_fill_size_e6:
            size = min(size, self._max_fill_size_e6)
        if not (is_buy or self._allow_shorts) and size > self._account.held(market_id):
            return "short"
        if (pm_multiply_divide_up if is_buy else pm_multiply_divide)(price, size, _ONE_E6, &notional) < 0:
            raise overflow(f"{price} x {size} / 1000000")
        fee = as_int64(self._fee(market_id, notional, size))
        if self._cash_e6:
            outlay_e6 = int(fee) + (int(notional) if is_buy else -int(notional))
            if not self.affords(outlay_e6, {market_id: size if is_buy else -size}):
                return "cash"
        self._account.book(market_id, is_buy, price, size, fee)
        if taken == 0:
            level = _Taken.__new__(_Taken)
            level.price, level.shown, level.size = shown_price, shown_size, 0
            (self._bought if is_buy else self._sold)[market_id] = level
        else:
            level = (self._bought if is_buy else self._sold)[market_id]
        level.size += size
        return [Fill(strategy_id, market_id, side, price, size, fee, seq, tag)]

    def affords(self, outlay_e6, dict changes not None):
        """Return whether the cash still covers every short at 1 a share afterwards; see the twin."""
        if not self._cash_e6:
            return True
        shorts = -sum([min(int(self._account.held(market_id)), 0) for market_id in self._account._positions])
        for market_id, change in changes.items():
            held = int(self._account.held(market_id))
            shorts += min(held, 0) - min(held + change, 0)
        return self._cash_e6 + self._account._cash_e6 - outlay_e6 >= shorts

    cdef int64_t _taken_of(self, bint is_buy, market_id, int64_t price, int64_t shown) except -1:
        """Return how much was taken of this level; what was taken of another is forgotten."""
        cdef dict levels = self._bought if is_buy else self._sold
        cdef _Taken level = levels.get(market_id)
        if level is None:
            return 0
        if level.price != price or level.shown != shown:
            del levels[market_id]
            return 0
        return level.size

    cdef int64_t _worsened(self, int64_t price, bint is_buy) except -1:
        """Return the price after slippage, rounded against the trader and kept within 0 to 1."""
        cdef int64_t worse
        if is_buy:
            if pm_multiply_divide_up(price, 10_000 + self._slippage_bps, 10_000, &worse) < 0:
                raise overflow(f"{price} made worse")
            return min(worse, _ONE_E6)
        if pm_multiply_divide(price, 10_000 - self._slippage_bps, 10_000, &worse) < 0:
            raise overflow(f"{price} made worse")
        return worse


@cython.final
cdef class Rounds:
    """Execute what passed, and keep count; see the twin."""

    def __init__(self, strategies, Desk desk not None, LimitCheck limits, timed, Lines lines, on_intent, on_fill):
        self.intents_by_strategy = Counter(dict.fromkeys(strategies, 0))
        self._desk, self._limits, self._timed = desk, limits, timed
        self._lines, self._on_intent, self._on_fill = lines, on_intent, on_fill

    def execute(self, list groups not None, seq):
        """Execute the intents of one event; return their fills."""
        return self.run(groups, seq) or []

    cdef list run(self, list groups, int64_t seq):
        """Return the fills, None or an empty list for none."""
        cdef list fills = None, found
        for strategy_id, intents in groups:
            self.intents += len(intents)
            _count(self.intents_by_strategy, strategy_id, len(intents))
            if self._lines is not None or self._on_intent is not None:
                for intent in intents:
                    if self._lines is not None:
                        self._lines.take_intent(seq, strategy_id, intent)
                    if self._on_intent is not None:
                        self._on_intent(seq, strategy_id, intent)
            if self._timed is not None:
                found = self._timed(strategy_id, intents, seq)
            else:
                found = self._desk.fills(strategy_id, intents, seq)
            if fills is None:
                fills = found
            elif found is not None:
                fills += found
        if fills is not None:
            self.fills += len(fills)
            for fill in fills:
                if self._lines is not None:
                    self._lines.take_fill(fill)
                if self._on_fill is not None:
                    self._on_fill(fill)
        if self._limits is not None:
            self._limits.executed()
        return fills
