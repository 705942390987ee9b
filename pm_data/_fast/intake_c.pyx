"""The receive path's loops over the messages of one socket read; intake_py.py is the definition."""

include "source_digest.pxi"
include "record_tuple.pxi"

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcmp, memcpy, strlen

from pm_data.frame import Kind, Record

cdef enum:
    HEAD_BYTES = 96
    TAIL_BYTES = 24
    USUAL = 3

cdef object _Record = Record
cdef Py_ssize_t _FIELDS = len(Record._fields)
cdef object _CONTROL = int(Kind.CONTROL)
cdef object _ZERO = 0

cdef const char *_TAILS[USUAL]
cdef Py_ssize_t _TAIL_SIZES[USUAL]
_TAILS[0] = b'"event_type":"price_change"}'
_TAILS[1] = b'"event_type":"tick_size_change"}'
_TAILS[2] = b'"event_type":"best_bid_ask"}'
for _which in range(USUAL):
    _TAIL_SIZES[_which] = strlen(_TAILS[_which])


def whole_texts(frames not None, object text):
    """Return the payloads of WebSocket frames, if each is a text in one piece; else None."""
    cdef list payloads = []
    for frame in frames:
        if frame.opcode is not text or not frame.fin:
            return None
        payloads.append(bytes(frame.data))
    return payloads


def append_frames(
    list queue not None, payloads not None, shard, seq, kind, conn, mono_ns, wall_ns
):
    """Append a record for each payload; numbers and stamps go up by one from record to record."""
    for payload in payloads:
        record = pm_new_tuple(_Record, _FIELDS)
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
        queue.append(record)
        seq = seq + 1
        mono_ns = mono_ns + 1


def count_frames(records not None):
    """Return how many records are frames, and the bytes of their payloads."""
    cdef Py_ssize_t frames = 0, size = 0
    for _shard, _seq, kind, _control, _flags, _conn, _mono_ns, _wall_ns, payload in records:
        if kind != _CONTROL:
            frames += 1
            size += len(payload)
    return frames, size


def unusual(payloads not None):
    """Return the payloads whose end does not show them to be an ordinary change of a book."""
    cdef list rest = []
    cdef bytes payload
    for payload in payloads:
        if not _is_usual(PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload)):
            rest.append(payload)
    return rest


def newest_of_each(reads not None):
    """Return the newest message of each market and type, and its stamp, the newest first."""
    cdef list found = []
    cdef set known = set()
    cdef bytes payload, kind
    for stamp, payloads in reversed(reads):
        for payload in reversed(payloads):
            kind = _kind(PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload))
            if kind not in known:
                known.add(kind)
                found.append((stamp, payload))
    return found


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
