# What was read ahead, in order. loop_c.pyx includes this.

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
