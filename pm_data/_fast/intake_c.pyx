"""The receive path's loops over the messages of one socket read; intake_py.py is the definition."""

include "source_digest.pxi"
include "record_tuple.pxi"

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.string cimport memcmp, memcpy, strlen

from pm_data.frame import Kind, Record

cdef enum:
    HEAD_BYTES = 96
    TAIL_BYTES = 24
    USUAL = 3
    SHARD = 0
    SEQ = 1
    KIND = 2
    PAYLOAD = 8
    FIELDS = 9
    WHOLE_TEXT = 0x81
    IS_CONTROL = 0x08
    SMALL = 125

cdef object _Record = Record
cdef object _CONTROL = int(Kind.CONTROL)
cdef object _ZERO = 0

cdef const char *_TAILS[USUAL]
cdef Py_ssize_t _TAIL_SIZES[USUAL]
_TAILS[0] = b'"event_type":"price_change"}'
_TAILS[1] = b'"event_type":"tick_size_change"}'
_TAILS[2] = b'"event_type":"best_bid_ask"}'
for _which in range(USUAL):
    _TAIL_SIZES[_which] = strlen(_TAILS[_which])


def cut_texts(const unsigned char[::1] data not None, Py_ssize_t start, Py_ssize_t end):
    """Cut WebSocket texts in one piece off `data[start:end]`; see the twin."""
    cdef list payloads = []
    cdef int64_t size
    cdef Py_ssize_t header
    _check_window(data, start, end)
    while end - start >= 2 and data[start] == WHOLE_TEXT:
        size = _frame_size(&data[start], end - start)
        if not 0 < size <= end - start:
            break
        header = _header_size(data[start + 1])
        payloads.append(PyBytes_FromStringAndSize(<const char *>&data[start] + header, size - header))
        start += size
    return payloads, start


def frame_size(const unsigned char[::1] data not None, Py_ssize_t start, Py_ssize_t end):
    """Return how many bytes the WebSocket frame at `start` has, its header included; see the twin."""
    _check_window(data, start, end)
    return 0 if start == end else _frame_size(&data[start], end - start)


cdef int _check_window(const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1:
    if not 0 <= start <= end <= data.shape[0]:
        raise ValueError(f"{start} to {end} is no part of {data.shape[0]} bytes")
    return 0


cdef int64_t _frame_size(const unsigned char *at, Py_ssize_t available) noexcept:
    cdef uint64_t size
    cdef Py_ssize_t header, place
    if at[0] & 0x70 or at[0] & 0x0F > 0x0A or 0x02 < at[0] & 0x0F < IS_CONTROL:
        return -1
    if at[0] & IS_CONTROL and not at[0] & 0x80:
        return -1
    if available < 2:
        return 0
    size = at[1]
    if size > SMALL + 2 or (at[0] & IS_CONTROL and size > SMALL):
        return -1
    header = _header_size(at[1])
    if available < header:
        return 0
    if size > SMALL:
        size = 0
        for place in range(2, header):
            size = size << 8 | at[place]
        if size > <uint64_t>INT64_MAX - 10:
            return -1
    return <int64_t>size + header


cdef inline Py_ssize_t _header_size(unsigned char size) noexcept:
    return 2 if size <= SMALL else 4 if size == SMALL + 1 else 10


def frame_records(payloads not None, shard, seq, kind, conn, mono_ns, wall_ns):
    """Return a record for each payload; numbers and stamps go up by one from record to record."""
    cdef list records = []
    for payload in payloads:
        record = pm_new_tuple(_Record, FIELDS)
        _put(record, 0, shard)
        _put(record, 1, seq)
        _put(record, 2, kind)
        _put(record, 3, _ZERO)
        _put(record, 4, _ZERO)
        _put(record, 5, conn)
        _put(record, 6, mono_ns)
        _put(record, 7, wall_ns)
        _put(record, 8, payload)
        # It holds no container: the collector need not look at it.
        PyObject_GC_UnTrack(<PyObject *>record)
        records.append(record)
        seq = seq + 1
        mono_ns = mono_ns + 1
    return records


def count_frames(records not None):
    """Return how many records are frames, and the bytes of their payloads."""
    cdef Py_ssize_t frames = 0, size = 0
    for record in records:
        if _field(record, KIND) != _CONTROL:
            frames += 1
            size += len(_field(record, PAYLOAD))
    return frames, size


def by_shard(records not None):
    """Return the records of each shard, in order."""
    cdef dict groups = {}
    cdef list group = None
    last = None
    for record in records:
        shard = _field(record, SHARD)
        if group is None or shard is not last:
            last = shard
            found = groups.get(shard)
            if found is None:
                found = groups[shard] = []
            group = found
        group.append(record)
    return groups


def parts(records not None, Py_ssize_t most_records, Py_ssize_t enough_bytes):
    """Return records in parts of at most so many, each ended before by what makes it large enough."""
    cdef list found = []
    cdef Py_ssize_t start = 0, end = 0, size = 0
    for record in records:
        if end - start == most_records or size >= enough_bytes:
            found.append(list(records[start:end]))
            start, size = end, 0
        size += len(_field(record, PAYLOAD))
        end += 1
    found.append(list(records[start:]))
    return found


def numbered_on(records not None, first):
    """Return records with `first` added to their numbers."""
    cdef list found = []
    cdef Py_ssize_t place
    for record in records:
        moved = pm_new_tuple(_Record, FIELDS)
        for place in range(FIELDS):
            value = _field(record, place)
            _put(moved, place, value + first if place == SEQ else value)
        PyObject_GC_UnTrack(<PyObject *>moved)
        found.append(moved)
    return found


def unusual(payloads not None):
    """Return the payloads whose end does not show them to be an ordinary change of a book."""
    cdef list rest = []
    cdef bytes payload
    for payload in payloads:
        if not _is_usual(PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload)):
            rest.append(payload)
    return rest


def keep_newest(dict newest not None, payloads not None, stamp):
    """Keep the newest message of each market and type, with its stamp, in the order in which they came."""
    cdef bytes payload, kind
    for payload in payloads:
        kind = _kind(PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload))
        newest.pop(kind, None)
        newest[kind] = (stamp, payload)


cdef inline object _field(object record, Py_ssize_t place):
    """Return a record's field, without the iterator that unpacking a named tuple takes."""
    if not isinstance(record, tuple) or PyTuple_GET_SIZE(record) != FIELDS:
        raise TypeError(f"{record!r} is no record")
    return <object>PyTuple_GET_ITEM(record, place)


cdef bint _is_usual(const char *text, Py_ssize_t size) noexcept:
    """Tell whether it is an object that ends in a usual type."""
    cdef Py_ssize_t length
    cdef int which
    if not size or text[0] != 123:  # {
        return False
    for which in range(USUAL):
        length = _TAIL_SIZES[which]
        if size >= length and memcmp(text + size - length, _TAILS[which], length) == 0:
            return True
    return False


cdef bytes _kind(const char *text, Py_ssize_t size):
    """Return the first 96 bytes and the last 24, which may be some of them."""
    cdef Py_ssize_t head = min(size, <Py_ssize_t>HEAD_BYTES), tail = min(size, <Py_ssize_t>TAIL_BYTES)
    cdef bytes kind = PyBytes_FromStringAndSize(NULL, head + tail)
    memcpy(PyBytes_AS_STRING(kind), text, head)
    memcpy(PyBytes_AS_STRING(kind) + head, text + size - tail, tail)
    return kind
