# Records of several shards in order. records_c.pyx includes this.

cdef struct Head:
    int64_t stamp
    Py_ssize_t place
    Py_ssize_t begin
    Py_ssize_t size
    PyObject *batch


cdef inline bint _precedes(Head *first, Head *second) noexcept:
    if first.stamp != second.stamp:
        return first.stamp < second.stamp
    return first.place < second.place


cdef inline int _read_stamp(Head *head) except -1:
    record = (<list>head.batch)[head.begin]
    if not isinstance(record, tuple) or PyTuple_GET_SIZE(record) <= _STAMP:
        raise TypeError("a batch holds what is no record")
    head.stamp = <object>PyTuple_GET_ITEM(record, _STAMP)
    return 0


cdef void _sink(Head *heads, Py_ssize_t count, Py_ssize_t at) noexcept:
    """Restore the heap below `at`."""
    cdef Py_ssize_t child
    cdef Head moved = heads[at]
    while True:
        child = 2 * at + 1
        if child >= count:
            break
        if child + 1 < count and _precedes(&heads[child + 1], &heads[child]):
            child += 1
        if not _precedes(&heads[child], &moved):
            break
        heads[at] = heads[child]
        at = child
    heads[at] = moved


def merge(list batches not None, list begins not None):
    """Take records off several batches, until one is used up; see the twin."""
    cdef list batch, ready = []
    cdef Py_ssize_t place, count = len(batches)
    cdef Head *heads
    if count == 0:
        raise ValueError("there is no batch")
    heads = <Head *>PyMem_Malloc(count * sizeof(Head))
    if heads == NULL:
        raise MemoryError
    try:
        for place in range(count):
            batch = batches[place]
            heads[place].place, heads[place].begin = place, begins[place]
            heads[place].size, heads[place].batch = len(batch), <PyObject *>batch
            if not 0 <= heads[place].begin < heads[place].size:
                raise IndexError("a batch has no records left")
            _read_stamp(&heads[place])
        for place in range(count // 2 - 1, -1, -1):
            _sink(heads, count, place)
        while True:
            ready.append((<list>heads.batch)[heads.begin])
            heads.begin += 1
            if heads.begin == heads.size:
                break
            _read_stamp(heads)
            _sink(heads, count, 0)
        for place in range(count):
            begins[heads[place].place] = heads[place].begin
    finally:
        PyMem_Free(heads)
    return ready
