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
from pm_data._fast.events_c cimport TopOfBookUpdate
from pm_data._fast.orders_c cimport Desk, Gate, Rounds
from pm_data._fast.records_c cimport SIZE, Header, RecordScanner
from pm_data._fast.store_c cimport Numbering, StateStore, fetch_best, fetch_state, pm_prefetch

import os
import threading
from collections.abc import Iterator

from pm_data._fast.loop_py import Listener, Tops
from pm_data.frame import Record

include "read_ahead.pxi"


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


cdef enum:
    FETCHED_OPS = 4              # of a record, at most


cdef struct Head:
    int64_t stamp                # of the next record
    int place                    # of its shard


cdef struct Source:
    # One shard on the loop's side.
    Batch *batch                 # that is being taken; NULL where the plain reader has taken over
    Py_ssize_t next              # the next record in the batch or the list
    int64_t end                  # where in the file the last record of the batches ended


cdef inline bint _precedes(const Head *first, const Head *second) noexcept nogil:
    return first.stamp < second.stamp or (first.stamp == second.stamp and first.place < second.place)


@cython.final
cdef class Merged:
    """The records of a bundle's shards in the order (rx_mono_ns, shard), one after another."""

    cdef Ahead ahead
    cdef Source *sources
    cdef Head *heads             # a heap: the next record of each shard that has one
    cdef int head_count
    cdef RecordScanner scanner
    cdef list shards             # ReplayShard
    cdef list numberings         # what the numbers of each shard's scan mean
    cdef list rests              # what follows the batches: an iterator of the plain reader, None before
    cdef list lists              # what that brought last
    cdef list last               # the last record of the batches, None before
    cdef object thread

    def __cinit__(self, list shards not None, RecordScanner scanner not None, bint keeps_texts):
        cdef int i, count = len(shards)
        memset(&self.ahead, 0, sizeof(Ahead))
        self.shards, self.scanner = shards, scanner
        self.numberings = [Numbering([], []) for _ in shards]
        self.rests, self.lists, self.last = [None] * count, [None] * count, [None] * count
        self.sources = <Source *>calloc(count + 1, sizeof(Source))
        self.heads = <Head *>calloc(count + 1, sizeof(Head))
        if self.sources == NULL or self.heads == NULL or not _begin(&self.ahead, count, keeps_texts):
            raise MemoryError
        for i, shard in enumerate(shards):
            self.ahead.shards[i].number, self.ahead.shards[i].limit = shard.shard, shard.limit

    def __dealloc__(self):
        _end(&self.ahead)
        free(self.sources)
        free(self.heads)

    def _read_ahead(self):
        cdef RecordScanner scanner = self.scanner
        with nogil:
            _work(&self.ahead, scanner)

    cdef int open(self) except -1:
        """Open the files, start the thread, and find the first record."""
        cdef int i
        for i, shard in enumerate(self.shards):
            self.ahead.shards[i].fd = shard.reader.open()
        self.thread = threading.Thread(target=self._read_ahead, name="read-ahead", daemon=True)
        self.thread.start()
        for i in range(self.ahead.count):
            if self._find_next(i):
                self.heads[self.head_count].place = i
                self.heads[self.head_count].stamp = self._stamp(i)
                self.head_count += 1
        for i in range(self.head_count // 2 - 1, -1, -1):
            self._sink(i)
        return 0

    cdef int close(self) except -1:
        """End the thread and close the files."""
        cdef int i
        if self.thread is not None:
            _close(&self.ahead)
            self.thread.join()
            self.thread = None
        for i in range(self.ahead.count):
            if self.ahead.shards[i].fd >= 0:
                os.close(self.ahead.shards[i].fd)
                self.ahead.shards[i].fd = -1
        return 0

    cdef int advance(self) except -1:
        """Go on to the next record; `head_count` is 0 where there is none."""
        cdef int place = self.heads[0].place
        cdef Source *source = &self.sources[place]
        source.next += 1
        if source.batch != NULL and source.next < source.batch.count:
            self.heads[0].stamp = source.batch.records[source.next].mono
            self._fetch(source, <Numbering>PyList_GET_ITEM(self.numberings, place))
        elif self._find_next(place):
            self.heads[0].stamp = self._stamp(place)
        else:
            self.head_count -= 1
            self.heads[0] = self.heads[self.head_count]
        if self.head_count > 1:
            self._sink(0)
        return 0

    cdef inline void _fetch(self, const Source *source, Numbering numbering) noexcept:
        """Have the processor bring what the next records of a shard will touch: most of it is far away.

        What leads to the next step must have come: a record, then its operations, their states, the levels.
        """
        cdef const Batch *batch = source.batch
        cdef const Scanned *record = &batch.records[source.next]
        cdef Py_ssize_t left = batch.count - source.next
        cdef int32_t i
        for i in range(min(record.op_count, FETCHED_OPS)):
            fetch_best(numbering, batch.ops + record.first_op + i)
        if left > 4:
            pm_prefetch(record + 4)
            pm_prefetch(batch.ops + record[2].first_op)
            pm_prefetch(batch.ops + record[2].first_op + 1)
            for i in range(min(record[1].op_count, FETCHED_OPS)):
                fetch_state(numbering, batch.ops + record[1].first_op + i)

    cdef const Scanned *scanned(self) noexcept:
        """Return the next record if it is a frame that was scanned, else NULL."""
        cdef const Source *source = &self.sources[self.heads[0].place]
        if source.batch == NULL or not source.batch.records[source.next].is_usual:
            return NULL
        return &source.batch.records[source.next]

    cdef object record(self):
        """Return the next record as an object."""
        cdef int place = self.heads[0].place
        cdef Source *source = &self.sources[place]
        if source.batch == NULL:
            return (<list>self.lists[place])[source.next]
        record = self._made(place, source.next)
        if record.control:
            self.shards[place].note(record)
        return record

    cdef object _made(self, int place, Py_ssize_t number):
        cdef Header header
        cdef const Batch *batch = self.sources[place].batch
        cdef const unsigned char *at = batch.data + batch.records[number].offset
        memcpy(&header, at, SIZE)
        payload = PyBytes_FromStringAndSize(<const char *>at + SIZE, header.length)
        return Record(
            header.shard,
            header.seq,
            header.kind,
            header.control,
            header.flags,
            header.conn,
            header.mono,
            header.wall,
            payload,
        )

    cdef int64_t _stamp(self, int place) except? -1:
        cdef Source *source = &self.sources[place]
        if source.batch != NULL:
            return source.batch.records[source.next].mono
        return (<list>self.lists[place])[source.next].rx_mono_ns

    cdef bint _find_next(self, int place) except -1:
        """Have the shard's next record at hand; return whether there is one."""
        cdef Source *source = &self.sources[place]
        if self.rests[place] is None:
            if source.batch != NULL:
                self.last[place] = self._made(place, source.batch.count - 1)
                source.end = source.batch.end
                source.batch = NULL
                _give_back(&self.ahead, place)
            PyErr_CheckSignals()
            source.next = 0
            with nogil:
                source.batch = _wait(&self.ahead, place)
            if source.batch != NULL:
                self._note_words(<Numbering>self.numberings[place], source.batch)
                return True
            self.rests[place] = self.shards[place].rest(self.last[place], source.end)
            self.lists[place] = []
        while source.next >= len(<list>self.lists[place]):
            found = next(self.rests[place], None)
            if found is None:
                return False
            self.lists[place] = found
            source.next = 0
        return True

    cdef int _note_words(self, Numbering numbering, const Batch *batch) except -1:
        cdef int32_t i
        for i in range(batch.token_count):
            numbering.token_texts.append(word_text(&batch.words[i]))
        for i in range(batch.token_count, batch.token_count + batch.market_count):
            numbering.market_texts.append(word_text(&batch.words[i]))
        return 0

    cdef void _sink(self, int at) noexcept:
        """Restore the heap below `at`."""
        cdef int child
        cdef Head moved = self.heads[at]
        while True:
            child = 2 * at + 1
            if child >= self.head_count:
                break
            if child + 1 < self.head_count and _precedes(&self.heads[child + 1], &self.heads[child]):
                child += 1
            if not _precedes(&self.heads[child], &moved):
                break
            self.heads[at] = self.heads[child]
            at = child
        self.heads[at] = moved


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
            self._listeners, self._desk, self._gate, self._rounds = tops.listeners, tops.desk, tops.gate, tops.rounds

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
            else:
                self._moment._seq, self._moment.ts_recv = event.seq, event.ts_recv
                self._deliver(event)
                self._note_timer()
            if self.delivered == limit:
                return False
        return True

    cdef int _deliver_top(self, TopOfBookUpdate event) except -1:
        """Do what the engine's own delivery of a top of book does, where nobody listens but strategies."""
        cdef list groups = None, fills
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
                intents = self._gate.answer(name, <list>answer)
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
