# Reading ahead: a thread without the interpreter lock reads the shards, checks their records and scans their frames
# into operations, two batches of each shard at most before the loop. loop_c.pyx includes this.
#
# Whatever is not a valid next record ends a shard here: damage, a cut, the end. The plain reader judges it.

cdef extern from *:
    """
    #ifdef _WIN32
    #include <io.h>
    #define pm_read(fd, to, size) _read(fd, to, (unsigned)(size))
    #define pm_seek _lseeki64
    #else
    #include <unistd.h>
    #define pm_read read
    #define pm_seek lseek
    #endif
    """
    Py_ssize_t pm_read(int fd, void *to, size_t size) nogil
    int64_t pm_seek(int fd, int64_t position, int whence) nogil

cdef extern from "pythread.h":
    ctypedef void *PyThread_type_lock
    PyThread_type_lock PyThread_allocate_lock() nogil
    void PyThread_free_lock(PyThread_type_lock) nogil
    int PyThread_acquire_lock(PyThread_type_lock, int wait) nogil
    void PyThread_release_lock(PyThread_type_lock) nogil

cdef enum:
    WINDOW_BYTES = 256 * 1024
    GUARD_BYTES = 64             # zeros behind what was read, so that a look at single bytes finds an end
    KEPT_LEVELS = 64 * 1024      # a batch with room for more gives it back
    BATCHES = 2
    NOBODY = -1

ctypedef struct Scanned:
    # One record of a batch.
    int64_t mono
    uint32_t offset              # of its header in the batch's bytes
    uint32_t length              # of its payload
    uint32_t conn
    int32_t first_op
    int32_t op_count
    bint is_usual                # a frame that was scanned
    int32_t books                # messages by type
    int32_t changes
    int32_t trades
    int32_t new_markets

ctypedef struct Batch:
    unsigned char *data
    Py_ssize_t capacity
    Scanned *records
    int32_t count
    int32_t record_capacity
    Op *ops
    OpTexts *texts               # of each operation, where they are kept
    Py_ssize_t op_capacity
    Level *levels
    Py_ssize_t level_capacity
    Word *words                  # the names that came up in it: tokens, then markets
    int32_t token_count
    int32_t market_count
    int32_t word_capacity
    int64_t end                  # where in the file its last record ends
    bint is_full

ctypedef struct Shard:
    int fd
    int64_t number
    int64_t limit
    int64_t position             # where in the file the next record begins
    uint64_t seq
    int64_t mono
    Scan scan
    Batch batches[BATCHES]
    int filling                  # the batch that is filled next
    int taking                   # the batch that is taken next
    bint is_over                 # no batch is filled any more

ctypedef struct Ahead:
    # What the two threads share; `mutex` guards is_full, is_over, filling, waiting, is_waiting and is_closed.
    Shard *shards
    int count
    PyThread_type_lock mutex
    PyThread_type_lock ready     # held, but for the moment in which a batch that is waited for is full
    PyThread_type_lock room      # held, but for the moment in which there is room that is waited for
    int wanted                   # the shard whose batch is waited for; NOBODY for none
    bint is_idle                 # whether room is waited for
    bint is_closed


cdef void _work(Ahead *ahead, RecordScanner scanner) noexcept nogil:
    """Fill batches until every shard is over, or nobody wants any."""
    cdef int chosen, i
    cdef Shard *shard
    cdef bint is_filled, is_left
    while True:
        PyThread_acquire_lock(ahead.mutex, 1)
        chosen = NOBODY
        is_left = False
        for i in range(ahead.count):
            shard = &ahead.shards[i]
            if shard.is_over:
                continue
            is_left = True
            if shard.batches[shard.filling].is_full:
                continue
            if i == ahead.wanted:
                chosen = i
                break
            # The one that the loop will use up first.
            if chosen == NOBODY or shard.mono < ahead.shards[chosen].mono:
                chosen = i
        if ahead.is_closed or not is_left:
            PyThread_release_lock(ahead.mutex)
            return
        if chosen == NOBODY:
            ahead.is_idle = True
            PyThread_release_lock(ahead.mutex)
            PyThread_acquire_lock(ahead.room, 1)
            continue
        PyThread_release_lock(ahead.mutex)
        shard = &ahead.shards[chosen]
        is_filled = _fill(shard, &shard.batches[shard.filling], scanner)
        PyThread_acquire_lock(ahead.mutex, 1)
        if is_filled:
            shard.batches[shard.filling].is_full = True
            shard.filling = (shard.filling + 1) % BATCHES
        else:
            shard.is_over = True
        if ahead.wanted == chosen:
            ahead.wanted = NOBODY
            PyThread_release_lock(ahead.ready)
        PyThread_release_lock(ahead.mutex)


cdef bint _fill(Shard *shard, Batch *batch, RecordScanner scanner) noexcept nogil:
    """Read records into a batch; return whether there are any. Nothing is taken where memory fails."""
    cdef Py_ssize_t need = WINDOW_BYTES, got, start, size
    cdef Header header
    batch.count = 0
    while True:
        if need > shard.limit - shard.position:
            need = shard.limit - shard.position
        if need < SIZE or not _make_room(batch, need):
            return False
        got = _read(shard.fd, shard.position, batch.data, need)
        memset(batch.data + got, 0, GUARD_BYTES)
        _begin_batch(shard, batch)
        start = 0
        while True:
            size = scanner.judge(batch.data + start, got - start, shard.number, shard.seq, shard.mono, &header)
            if size <= 0 or not _take_record(shard, batch, start, &header):
                break
            shard.seq += 1
            shard.mono = header.mono
            start += size
        if batch.count or size >= 0 or got < need or -size > shard.limit - shard.position:
            break
        need = -size  # one long record
    shard.position += start
    batch.end = shard.position
    return _end_batch(shard, batch) and batch.count > 0


cdef Py_ssize_t _read(int fd, int64_t position, unsigned char *to, Py_ssize_t size) noexcept nogil:
    """Return how many bytes were read; the plain reader meets the error that ends them early."""
    cdef Py_ssize_t got = 0, count
    if pm_seek(fd, position, 0) != position:
        return 0
    while got < size:
        count = pm_read(fd, to + got, size - got)
        if count <= 0:
            break
        got += count
    return got


cdef bint _make_room(Batch *batch, Py_ssize_t size) noexcept nogil:
    """Have room for these bytes, and no more than a window's where that is enough."""
    if size <= WINDOW_BYTES:
        size = WINDOW_BYTES
    if batch.capacity != size:
        free(batch.data)
        batch.data = <unsigned char *>malloc(size + GUARD_BYTES)
        batch.capacity = size if batch.data != NULL else 0
    if batch.level_capacity > KEPT_LEVELS:
        free(batch.levels)
        batch.levels = NULL
        batch.level_capacity = 0
    return batch.data != NULL


cdef void _begin_batch(Shard *shard, Batch *batch) noexcept nogil:
    """Let the scan write into the batch."""
    shard.scan.ops, shard.scan.op_capacity, shard.scan.op_count = batch.ops, batch.op_capacity, 0
    shard.scan.texts = batch.texts
    shard.scan.levels, shard.scan.level_capacity, shard.scan.level_count = batch.levels, batch.level_capacity, 0
    batch.token_count, batch.market_count = shard.scan.tokens.count, shard.scan.markets.count


cdef bint _end_batch(Shard *shard, Batch *batch) noexcept nogil:
    """Take over what was scanned, and the names that are new."""
    cdef int32_t tokens = shard.scan.tokens.count - batch.token_count
    cdef int32_t markets = shard.scan.markets.count - batch.market_count
    cdef Word *words
    batch.ops, batch.texts, batch.op_capacity = shard.scan.ops, shard.scan.texts, shard.scan.op_capacity
    batch.levels, batch.level_capacity = shard.scan.levels, shard.scan.level_capacity
    shard.scan.ops, shard.scan.texts, shard.scan.levels = NULL, NULL, NULL
    if tokens + markets > batch.word_capacity:
        words = <Word *>realloc(batch.words, (tokens + markets) * sizeof(Word))
        if words == NULL:
            return False
        batch.words, batch.word_capacity = words, tokens + markets
    # The texts stay where they are, the tables of names may move: hence the copies.
    if tokens:
        memcpy(batch.words, shard.scan.tokens.words + batch.token_count, tokens * sizeof(Word))
    if markets:
        memcpy(batch.words + tokens, shard.scan.markets.words + batch.market_count, markets * sizeof(Word))
    batch.token_count, batch.market_count = tokens, markets
    return True


cdef bint _take_record(Shard *shard, Batch *batch, Py_ssize_t start, const Header *header) noexcept nogil:
    """Append a valid record, scanned if it is a frame; False without memory."""
    cdef int32_t capacity
    cdef Scanned *records
    cdef Scanned *record
    cdef const char *payload = <const char *>batch.data + start + SIZE
    if batch.count == batch.record_capacity:
        capacity = 2 * batch.record_capacity + 256
        records = <Scanned *>realloc(batch.records, capacity * sizeof(Scanned))
        if records == NULL:
            return False
        batch.records, batch.record_capacity = records, capacity
    record = &batch.records[batch.count]
    record.mono, record.offset, record.length, record.conn = header.mono, start, header.length, header.conn
    record.first_op = shard.scan.op_count
    memset(&shard.scan.counts, 0, sizeof(Counts))
    record.is_usual = not header.control and scan_frame(&shard.scan, payload, payload + header.length)
    record.op_count = shard.scan.op_count - record.first_op
    record.books, record.changes = shard.scan.counts.books, shard.scan.counts.changes
    record.trades, record.new_markets = shard.scan.counts.trades, shard.scan.counts.new_markets
    batch.count += 1
    return True


cdef bint _begin(Ahead *ahead, int count, bint keeps_texts) noexcept nogil:
    """Make room for shards; False without memory. `_end` frees it either way."""
    cdef int i
    memset(ahead, 0, sizeof(Ahead))
    ahead.wanted = NOBODY
    ahead.shards = <Shard *>calloc(count, sizeof(Shard))
    ahead.mutex, ahead.ready, ahead.room = (
        PyThread_allocate_lock(), PyThread_allocate_lock(), PyThread_allocate_lock()
    )
    if ahead.shards == NULL or ahead.mutex == NULL or ahead.ready == NULL or ahead.room == NULL:
        return False
    ahead.count = count
    PyThread_acquire_lock(ahead.ready, 1)
    PyThread_acquire_lock(ahead.room, 1)
    for i in range(count):
        ahead.shards[i].fd = -1
        ahead.shards[i].mono = INT64_MIN
        if not scan_begin(&ahead.shards[i].scan):
            return False
        ahead.shards[i].scan.keeps_texts = keeps_texts
    return True


cdef void _end(Ahead *ahead) noexcept nogil:
    cdef int i, k
    cdef Batch *batch
    for i in range(ahead.count):
        scan_end(&ahead.shards[i].scan)
        for k in range(BATCHES):
            batch = &ahead.shards[i].batches[k]
            free(batch.data)
            free(batch.records)
            free(batch.ops)
            free(batch.texts)
            free(batch.levels)
            free(batch.words)
    free(ahead.shards)
    if ahead.mutex != NULL:
        PyThread_free_lock(ahead.mutex)
    if ahead.ready != NULL:
        PyThread_free_lock(ahead.ready)
    if ahead.room != NULL:
        PyThread_free_lock(ahead.room)


cdef Batch *_wait(Ahead *ahead, int place) noexcept nogil:
    """Return the shard's next batch when it is full; NULL where there is none."""
    cdef Shard *shard = &ahead.shards[place]
    cdef Batch *batch = &shard.batches[shard.taking]
    while True:
        PyThread_acquire_lock(ahead.mutex, 1)
        if batch.is_full or shard.is_over:
            break
        ahead.wanted = place
        PyThread_release_lock(ahead.mutex)
        PyThread_acquire_lock(ahead.ready, 1)
    PyThread_release_lock(ahead.mutex)
    return batch if batch.is_full else NULL


cdef void _wake(Ahead *ahead) noexcept nogil:
    """Tell an idle worker, under the mutex, that something has changed."""
    if ahead.is_idle:
        ahead.is_idle = False
        PyThread_release_lock(ahead.room)


cdef void _give_back(Ahead *ahead, int place) noexcept nogil:
    """Let a batch that was used up be filled again."""
    cdef Shard *shard = &ahead.shards[place]
    PyThread_acquire_lock(ahead.mutex, 1)
    shard.batches[shard.taking].is_full = False
    shard.taking = (shard.taking + 1) % BATCHES
    _wake(ahead)
    PyThread_release_lock(ahead.mutex)


cdef void _close(Ahead *ahead) noexcept nogil:
    """Tell the worker to end."""
    PyThread_acquire_lock(ahead.mutex, 1)
    ahead.is_closed = True
    _wake(ahead)
    PyThread_release_lock(ahead.mutex)
