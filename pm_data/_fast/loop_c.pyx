"""The loop of a run; loop_py.py is the definition.

Where the records come from the undamaged shards of a bundle, a thread reads and
scans ahead (read_ahead.pxi), and this one only merges, applies and delivers.
Nothing is applied ahead: when an event is delivered, the books are those of its
frame. Control records, frames that the scanner does not take, and all that
follows something unusual in a shard go through the twin's own steps.
"""

include "source_digest.pxi"

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from pm_data._fast.decode_c cimport Counts, Level, Op, OpTexts, Scan, Word, scan_begin, scan_end, scan_frame, word_text
from pm_data._fast.events_c cimport TopOfBookUpdate, Trade
from pm_data._fast.lines_c cimport Lines
from pm_data._fast.orders_c cimport Desk, Gate, Rounds
from pm_data._fast.records_c cimport SIZE, Header, RecordScanner
from pm_data._fast.store_c cimport FETCHED_OPS, Numbering, StateStore, fetch_best, fetch_state, pm_prefetch

import os
import threading
from collections.abc import Iterator

from pm_data._fast.loop_py import Listener, Tops
from pm_data.frame import Record

include "read_ahead.pxi"
include "merged.pxi"


@cython.final
cdef class Moment:
    """Which event is being processed; see the twin. Its numbers become objects when somebody asks."""

    cdef int64_t _seq
    cdef int64_t _ts_recv
    cdef bint _has_ts_recv

    def __cinit__(self):
        self._seq = 0
        self._has_ts_recv = False

    @property
    def seq(self):
        return self._seq

    @seq.setter
    def seq(self, int64_t value):
        self._seq = value

    @property
    def ts_recv(self):
        return self._ts_recv if self._has_ts_recv else None

    @ts_recv.setter
    def ts_recv(self, value):
        self._has_ts_recv = value is not None
        self._ts_recv = 0 if value is None else value


@cython.final
cdef class Loop:
    """Carries records to the end of what they bring about; see the twin."""

    cdef readonly int64_t delivered
    cdef object _stream
    cdef object _deliver
    cdef Moment _moment
    cdef object _tops
    cdef object _after_frame
    cdef list _listeners
    cdef bint _are_trades_heard
    cdef Lines _lines
    cdef Desk _desk
    cdef Gate _gate
    cdef Rounds _rounds
    cdef object _store_tokens
    cdef int64_t _timer_ns       # the first stamp for which the engine delivers a top of book itself

    def __init__(self, stream, deliver, Moment moment not None, tops=None, after_frame=None):
        self.delivered = 0
        self._stream, self._deliver, self._moment = stream, deliver, moment
        self._tops, self._after_frame = tops, after_frame
        if tops is not None:
            self._listeners, self._lines = tops.listeners, tops.lines
            self._are_trades_heard = tops.are_trades_heard
            self._desk, self._gate, self._rounds = tops.desk, tops.gate, tops.rounds

    def run(self, records, max_events, max_ns):
        """Process records until they end or as much as is allowed; see the twin."""
        cdef int64_t limit = INT64_MAX if max_events is None else max_events
        if self._after_frame is None and getattr(records, "may_run_ahead", False) and isinstance(
            records.scanner, RecordScanner
        ):
            self._run_ahead(records, limit, max_ns)
            return
        end_ns = None
        last_ns = 0
        for record in records:
            if max_ns is not None:
                if end_ns is None:
                    end_ns = record.rx_mono_ns + max_ns
                if record.rx_mono_ns >= end_ns:
                    break
            if not self._hand_over(self._stream.process(record), limit):
                return
            if self._after_frame is not None and not record.control:
                self._after_frame(record.rx_mono_ns)
            last_ns = record.rx_mono_ns
        self._hand_over(self._stream.finish(last_ns), limit)

    cdef int _run_ahead(self, records, int64_t limit, max_ns) except -1:
        cdef StateStore store = self._stream.store
        cdef Merged merged = Merged(list(records.shards), records.scanner, store.keeps_texts())
        cdef const Scanned *scanned
        cdef const Batch *batch
        cdef Numbering numbering
        cdef Counts counts = Counts(0, 0, 0, 0)
        cdef list events = []
        cdef int64_t seq = self._stream.seq, frames = 0, last_ns = 0
        cdef bint goes_on = True
        self._note_timer()
        records.begin_digests()
        try:
            merged.open()
            end_ns = None if max_ns is None or not merged.head_count else merged.heads.stamp + max_ns
            while merged.head_count and goes_on:
                if end_ns is not None and merged.heads.stamp >= end_ns:
                    break
                scanned = merged.scanned()
                if scanned == NULL:
                    self._stream.seq = seq
                    goes_on = self._hand_over(self._stream.process(merged.record()), limit)
                    seq = self._stream.seq
                else:
                    batch = merged.sources[merged.heads.place].batch
                    numbering = <Numbering>PyList_GET_ITEM(merged.numberings, merged.heads.place)
                    frames += 1
                    counts.books += scanned.books
                    counts.changes += scanned.changes
                    counts.trades += scanned.trades
                    counts.new_markets += scanned.new_markets
                    store.apply_operations(
                        numbering,
                        batch.ops + scanned.first_op,
                        NULL if batch.texts == NULL else batch.texts + scanned.first_op,
                        scanned.op_count,
                        batch.levels,
                        scanned.conn,
                        scanned.mono,
                        seq,
                        events,
                    )
                    if PyList_GET_SIZE(events):
                        seq += PyList_GET_SIZE(events)
                        goes_on = self._hand_over(events, limit)
                        events.clear()
                if goes_on:
                    last_ns = merged.heads.stamp
                    merged.advance()
            if goes_on:
                self._stream.seq = seq
                self._hand_over(self._stream.finish(last_ns), limit)
                seq = self._stream.seq
        except:
            records.abandon()
            raise
        finally:
            self._stream.seq = seq
            self._stream.frames += frames
            store._decoder.count(frames, &counts)
            merged.close()
        return 0

    cdef int _note_timer(self) except -1:
        self._timer_ns = INT64_MIN if self._tops is None else min(self._tops.timers.next_ns, INT64_MAX)
        return 0

    cdef bint _hand_over(self, list events, int64_t limit) except -1:
        """Deliver a record's events; return whether the run goes on."""
        cdef Py_ssize_t i
        cdef TopOfBookUpdate top
        for i in range(PyList_GET_SIZE(events)):
            event = <object>PyList_GET_ITEM(events, i)
            self.delivered += 1
            self._moment._has_ts_recv = True
            if type(event) is TopOfBookUpdate and (<TopOfBookUpdate>event).ts_recv < self._timer_ns:
                top = <TopOfBookUpdate>event
                self._moment._seq, self._moment._ts_recv = top.seq, top.ts_recv
                self._deliver_top(top)
            elif (
                type(event) is Trade
                and (<Trade>event).ts_recv < self._timer_ns
                and not self._are_trades_heard
            ):
                self._moment._seq, self._moment._ts_recv = (<Trade>event).seq, (<Trade>event).ts_recv
                if self._lines is not None:
                    self._lines.take_event(event)
            else:
                self._moment._seq, self._moment.ts_recv = event.seq, event.ts_recv
                self._deliver(event)
                self._note_timer()
            if self.delivered == limit:
                return False
        return True

    cdef int _deliver_top(self, TopOfBookUpdate event) except -1:
        """Do what the engine's own delivery of a top of book does, where nobody else listens."""
        cdef list groups = None, fills
        if self._lines is not None:
            self._lines.take_top(event)
        self._desk.forget(event)
        for name, callback, context, portfolio in self._listeners:
            try:
                answer = callback(context, event, event._market, portfolio)
                if answer is None:
                    continue
                if type(answer) is not list and isinstance(answer, Iterator):
                    answer = list(answer)
            except Exception as error:
                blamed = self._tops.blame(name, callback, event.seq, error)
                if blamed is error:
                    raise
                raise blamed from error
            if type(answer) is list:
                intents = self._gate.answer(name, <list>answer, event.market_id)
            else:
                intents = self._tops.check(name, answer)
            if intents:
                if groups is None:
                    groups = []
                groups.append((name, intents))
        if groups is not None:
            fills = self._rounds.run(groups, event.seq)
            if fills and self._tops.answer is not None:
                self._tops.answer(fills, event.seq)
            self._gate.end_event()
        return 0
