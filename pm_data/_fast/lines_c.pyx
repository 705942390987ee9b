"""The digests of a run's lines; lines_py.py is the definition.

The lines of this core's events, intents and fills, of plain texts and numbers,
are written into a buffer; those of anything else the twin's functions make.
"""

include "source_digest.pxi"

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.unicode cimport PyUnicode_CheckExact
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from pm_data._fast.events_c cimport MarketStatus, TopOfBookUpdate, Trade
from pm_data._fast.intents_c cimport CancelIntent, Fill, PlaceOrderIntent

import hashlib

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

cdef Py_ssize_t _CAPACITY = 64 * 1024
cdef Py_ssize_t _NUMBER = 20  # most digits of an int64, and its sign
cdef bytes _PAIR_TEXT = b"".join([b"%02d" % number for number in range(100)])
cdef const unsigned char *_PAIRS = _PAIR_TEXT


cdef struct Text:
    const char *data
    Py_ssize_t size


cdef inline Text _text(object text) except *:
    cdef Text found
    found.data = PyUnicode_AsUTF8AndSize(text, &found.size)
    return found


cdef inline unsigned char *_put(unsigned char *at, const Text *text) noexcept:
    memcpy(at, text.data, text.size)
    return at + text.size


cdef inline unsigned char *_put_word(unsigned char *at, const char *word, Py_ssize_t size) noexcept:
    memcpy(at, word, size)
    return at + size


cdef inline unsigned char *_bar(unsigned char *at) noexcept:
    at[0] = c"|"
    return at + 1


cdef inline unsigned char *_put_number(unsigned char *at, int64_t value) noexcept:
    cdef unsigned char digits[20]
    cdef uint64_t rest = <uint64_t>value
    cdef unsigned int pair
    cdef int first = 20
    if value < 0:
        at[0] = c"-"
        at += 1
        rest = 0 - rest
    while rest >= 10:
        first -= 2
        pair = rest % 100
        rest = rest // 100
        memcpy(digits + first, _PAIRS + 2 * pair, 2)
    if rest or first == 20:
        first -= 1
        digits[first] = <unsigned char>(c"0" + rest)
    memcpy(at, digits + first, 20 - first)
    return at + 20 - first


cdef inline unsigned char *_put_known(unsigned char *at, int64_t value) noexcept:
    """Write a bar and an event's number, nothing where that is -1."""
    at = _bar(at)
    return at if value < 0 else _put_number(at, value)


cdef inline bint _read(object value, int64_t *number) noexcept:
    """Read an exact int that fits; return whether this is one."""
    cdef int too_large = 0
    if not PyLong_CheckExact(value):
        return False
    number[0] = PyLong_AsLongLongAndOverflow(value, &too_large)
    return not too_large


@cython.final
cdef class Stream:
    """The digest of one kind of line, a block at a time."""

    def __cinit__(self):
        self._sha = hashlib.sha256()
        self._used = 0
        self._data = <unsigned char *>malloc(_CAPACITY)
        if self._data == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self._data)

    cdef unsigned char *room(self, Py_ssize_t size) except? NULL:
        """Return where so many bytes may be written; NULL where so many never fit."""
        if size > _CAPACITY - self._used:
            if size > _CAPACITY:
                return NULL
            self.flush()
        return self._data + self._used

    cdef int add(self, str line) except -1:
        self.flush()
        self._sha.update(line.encode("utf-8"))
        return 0

    cdef int flush(self) except -1:
        if self._used:
            self._sha.update(PyBytes_FromStringAndSize(<const char *>self._data, self._used))
            self._used = 0
        return 0

    cdef str digest(self):
        self.flush()
        return self._sha.hexdigest()


@cython.final
cdef class Lines:
    """Follows the lines of a run; see the twin."""

    def __init__(self, texts, every_events=None, on_mark=None, on_line=None):
        self._texts, self._on_mark, self._on_line = texts, on_mark, on_line
        self._every_events = 0 if every_events is None else every_events
        self._boundary = INT64_MAX if every_events is None else every_events
        self._events, self._intents, self._fills = Stream(), Stream(), Stream()

    def event(self, event):
        """Take an event."""
        self.take_event(event)

    def intent(self, int64_t seq, strategy_id, intent):
        """Take an intent that passed, with the seq of its event."""
        self.take_intent(seq, strategy_id, intent)

    def fill(self, fill):
        """Take a fill; its intent was taken before it."""
        self.take_fill(fill)

    def digests(self):
        """Return the SHA-256, in hex, of the lines of events, intents and fills so far."""
        return self._events.digest(), self._intents.digest(), self._fills.digest()

    cdef int take_event(self, event) except -1:
        if type(event) is TopOfBookUpdate:
            return self.take_top(<TopOfBookUpdate>event)
        if event.seq > self._boundary:
            self._mark()
        if self._on_line is None:
            if type(event) is Trade and self._write_trade(<Trade>event):
                return 0
            if type(event) is MarketStatus and self._write_status(<MarketStatus>event):
                return 0
        return self._take(self._events, event.seq, "events", self._texts.event(event))

    cdef int take_top(self, TopOfBookUpdate event) except -1:
        if event.seq > self._boundary:
            self._mark()
        if self._on_line is None and self._write_top(event):
            return 0
        return self._take(self._events, event.seq, "events", self._texts.event(event))

    cdef int take_intent(self, int64_t seq, strategy_id, intent) except -1:
        if seq > self._boundary:
            self._mark()
        if self._on_line is None and PyUnicode_CheckExact(strategy_id):
            if type(intent) is PlaceOrderIntent and self._write_order(seq, strategy_id, <PlaceOrderIntent>intent):
                return 0
            if type(intent) is CancelIntent and self._write_cancel(seq, strategy_id, <CancelIntent>intent):
                return 0
        return self._take(self._intents, seq, "intents", self._texts.intent(seq, strategy_id, intent))

    cdef int take_fill(self, fill) except -1:
        if self._on_line is None and type(fill) is Fill and self._write_fill(<Fill>fill):
            return 0
        return self._take(self._fills, fill.seq, "fills", self._texts.fill(fill))

    cdef int _take(self, Stream stream, seq, str name, str line) except -1:
        stream.add(line)
        if self._on_line is not None:
            self._on_line(seq, name, line)
        return 0

    cdef int _mark(self) except -1:
        if self._on_mark is not None:
            self._on_mark(self._boundary)
        self._boundary += self._every_events
        return 0

    cdef bint _write_top(self, TopOfBookUpdate event) except -1:
        cdef Text market = _text(event.market_id)
        cdef unsigned char *at = self._events.room(market.size + 7 * _NUMBER + 24)
        if at == NULL:
            return False
        at = _put_number(at, event.seq)
        at = _put_word(at, b"|top_of_book|", 13)
        at = _put(at, &market)
        at = _put_known(at, event._bid_px)
        at = _put_known(at, event._bid_sz)
        at = _put_known(at, event._ask_px)
        at = _put_known(at, event._ask_sz)
        at = _put_known(at, event._ts_event)
        at = _put_number(_bar(at), event.ts_recv)
        return self._end(self._events, at)

    cdef bint _write_trade(self, Trade event) except -1:
        cdef Text market = _text(event.market_id), side = _text("" if event.side is None else event.side)
        cdef unsigned char *at = self._events.room(market.size + side.size + 5 * _NUMBER + 24)
        if at == NULL:
            return False
        at = _put_number(at, event.seq)
        at = _put_word(at, b"|trade|", 7)
        at = _bar(_put(at, &market))
        at = _bar(_put(at, &side))
        at = _put_number(at, event.price_e6)
        at = _put_known(at, event._size)
        at = _put_known(at, event._ts_event)
        at = _put_number(_bar(at), event.ts_recv)
        return self._end(self._events, at)

    cdef bint _write_status(self, MarketStatus event) except -1:
        cdef Text market = _text(event.market_id), status = _text(event.status), cause = _text(event.cause)
        cdef unsigned char *at = self._events.room(
            market.size + status.size + cause.size + 3 * _NUMBER + 24
        )
        if at == NULL:
            return False
        at = _put_number(at, event.seq)
        at = _put_word(at, b"|status|", 8)
        at = _bar(_put(at, &market))
        at = _bar(_put(at, &status))
        at = _put(at, &cause)
        at = _put_known(at, event._ts_event)
        at = _put_number(_bar(at), event.ts_recv)
        return self._end(self._events, at)

    cdef bint _write_order(self, int64_t seq, strategy_id, PlaceOrderIntent order) except -1:
        cdef int64_t price = 0, size
        cdef Text name, market, side, tif, urgency, tag
        cdef unsigned char *at
        cdef bint has_price = order.price_e6 is not None
        if not (
            PyUnicode_CheckExact(order.market_id)
            and PyUnicode_CheckExact(order.side)
            and PyUnicode_CheckExact(order.tif)
            and PyUnicode_CheckExact(order.urgency)
            and PyUnicode_CheckExact(order.tag)
            and _read(order.size_e6, &size)
            and (not has_price or _read(order.price_e6, &price))
        ):
            return False
        name, market, side = _text(strategy_id), _text(order.market_id), _text(order.side)
        tif, urgency, tag = _text(order.tif), _text(order.urgency), _text(order.tag)
        at = self._intents.room(
            name.size + market.size + side.size + tif.size + urgency.size + tag.size + 3 * _NUMBER + 24
        )
        if at == NULL:
            return False
        at = _bar(_put_number(at, seq))
        at = _put(at, &name)
        at = _put_word(at, b"|place|", 7)
        at = _bar(_put(at, &market))
        at = _bar(_put(at, &side))
        if has_price:
            at = _put_number(at, price)
        at = _bar(_put_number(_bar(at), size))
        at = _bar(_put(at, &tif))
        at = _bar(_put(at, &urgency))
        at = _put(at, &tag)
        return self._end(self._intents, at)

    cdef bint _write_cancel(self, int64_t seq, strategy_id, CancelIntent intent) except -1:
        cdef Text name, market, side, tag
        cdef unsigned char *at
        if not (
            PyUnicode_CheckExact(intent.market_id)
            and PyUnicode_CheckExact(intent.side)
            and PyUnicode_CheckExact(intent.tag)
        ):
            return False
        name, market, side, tag = (
            _text(strategy_id), _text(intent.market_id), _text(intent.side), _text(intent.tag)
        )
        at = self._intents.room(name.size + market.size + side.size + tag.size + _NUMBER + 24)
        if at == NULL:
            return False
        at = _bar(_put_number(at, seq))
        at = _put(at, &name)
        at = _put_word(at, b"|cancel|", 8)
        at = _bar(_put(at, &market))
        at = _put(at, &side)
        at = _put_word(at, b"|||||", 5)
        at = _put(at, &tag)
        return self._end(self._intents, at)

    cdef bint _write_fill(self, Fill fill) except -1:
        cdef int64_t seq, price, size, fee
        cdef Text name, market, side, tag
        cdef unsigned char *at
        if not (
            PyUnicode_CheckExact(fill.strategy_id)
            and PyUnicode_CheckExact(fill.market_id)
            and PyUnicode_CheckExact(fill.side)
            and PyUnicode_CheckExact(fill.tag)
            and _read(fill.seq, &seq)
            and _read(fill.price_e6, &price)
            and _read(fill.size_e6, &size)
            and _read(fill.fee_e6, &fee)
        ):
            return False
        name, market, side, tag = (
            _text(fill.strategy_id), _text(fill.market_id), _text(fill.side), _text(fill.tag)
        )
        at = self._fills.room(name.size + market.size + side.size + tag.size + 4 * _NUMBER + 24)
        if at == NULL:
            return False
        at = _bar(_put_number(at, seq))
        at = _bar(_put(at, &name))
        at = _bar(_put(at, &market))
        at = _bar(_put(at, &side))
        at = _bar(_put_number(at, price))
        at = _bar(_put_number(at, size))
        at = _bar(_put_number(at, fee))
        at = _put(at, &tag)
        return self._end(self._fills, at)

    cdef bint _end(self, Stream stream, unsigned char *at) except -1:
        """End the line that was written up to here; return that it was."""
        at[0] = c"\n"
        stream._used = at + 1 - stream._data
        return True
