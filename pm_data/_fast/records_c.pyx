"""Encode records, scan bytes for valid ones, and merge those of several shards; records_py.py is the definition.

The layout of `bundle/format.py` is compiled in; another one is refused.
"""

include "source_digest.pxi"
include "crc32.pxi"
include "record_tuple.pxi"
include "sha256.pxi"

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_SetFromErrno
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

import os
from hashlib import sha256
from sys import byteorder

from pm_data._fast.records_py import file_digests as _file_digests
from pm_data._fast.scanned import Scanned
from pm_data.frame import Kind, Record

cdef packed struct Entry:
    uint64_t offset
    int64_t mono
    uint32_t length
    uint32_t crc
    uint32_t conn
    uint8_t kind
    uint8_t control
    uint8_t flags
    uint8_t zero

cdef enum:
    ENTRY_SIZE = 32

cdef object _Record = Record
cdef Py_ssize_t _STAMP = Record._fields.index("rx_mono_ns")
cdef uint8_t _TEXT = Kind.TEXT
cdef uint8_t _BINARY = Kind.BINARY
cdef uint8_t _CONTROL = Kind.CONTROL

pm_crc_prepare()


cdef class RecordScanner:
    """Scan one shard's bytes, a window at a time; arguments as the twin's."""

    def __init__(
        self, header, idx_entry, bytes magic not None, crc_from, max_payload, version, known_flags
    ):
        cdef const char *letters = magic
        _check_layout(header, idx_entry, magic, crc_from)
        memcpy(self._magic, letters, 4)
        self._max_payload = max_payload
        self._version = version
        self._unknown_flags = 255 & ~known_flags

    def scan(
        self,
        const unsigned char[::1] data not None,
        Py_ssize_t start,
        Py_ssize_t end,
        int64_t shard,
        uint64_t seq,
        int64_t last_mono_ns,
    ):
        """Take valid records off `data[start:end]`; see the twin."""
        cdef list records = []
        cdef const unsigned char *bytes_ = _window(data, start, end)
        cdef Py_ssize_t size
        cdef int64_t wall = 0
        cdef Header header
        cdef object record, shard_object = shard, conn_object = None
        cdef uint32_t conn = 0
        while True:
            size = self.judge(bytes_ + start, end - start, shard, seq, last_mono_ns, &header)
            if size <= 0:
                break
            if conn_object is None or header.conn != conn:
                conn = header.conn
                conn_object = conn
            record = pm_new_tuple(_Record, 9)
            _put(record, 0, shard_object)
            _put(record, 1, header.seq)
            _put(record, 2, header.kind)
            _put(record, 3, header.control)
            _put(record, 4, header.flags)
            _put(record, 5, conn_object)
            _put(record, 6, header.mono)
            _put(record, 7, header.wall)
            _put(record, 8, PyBytes_FromStringAndSize(<const char *>bytes_ + start + SIZE, header.length))
            # Numbers and bytes cannot form a cycle: the collector need not walk over records.
            PyObject_GC_UnTrack(<PyObject *>record)
            records.append(record)
            seq += 1
            last_mono_ns, wall = header.mono, header.wall
            start += size
        return records, Scanned(start, seq, last_mono_ns, wall, -size)

    def index(
        self,
        const unsigned char[::1] data not None,
        Py_ssize_t start,
        Py_ssize_t end,
        int64_t shard,
        uint64_t seq,
        int64_t last_mono_ns,
        uint64_t offset,
        unsigned char[::1] entries not None,
    ):
        """Check records and write their index entries; see the twin. Other threads run meanwhile."""
        cdef const unsigned char *bytes_ = _window(data, start, end)
        cdef unsigned char *to = &entries[0] if entries.shape[0] else NULL
        cdef Py_ssize_t size, room = entries.shape[0] // ENTRY_SIZE
        cdef int64_t wall = 0
        cdef Header header
        cdef Entry entry
        with nogil:
            entry.zero = 0
            while True:
                if room == 0:
                    size = -SIZE
                    break
                size = self.judge(bytes_ + start, end - start, shard, seq, last_mono_ns, &header)
                if size <= 0:
                    break
                entry.offset, entry.mono, entry.length, entry.crc = (
                    offset, header.mono, header.length, header.crc
                )
                entry.conn, entry.kind, entry.control, entry.flags = (
                    header.conn, header.kind, header.control, header.flags
                )
                memcpy(to, &entry, ENTRY_SIZE)
                to += ENTRY_SIZE
                room -= 1
                seq += 1
                last_mono_ns, wall = header.mono, header.wall
                start += size
                offset += size
        return Scanned(start, seq, last_mono_ns, wall, -size)

    def is_known_form(self, uint8_t kind, uint8_t control, uint8_t flags):
        """Return whether this version has records of this form; a control type may be a later one."""
        return self._knows(kind, control, flags)

    cdef Py_ssize_t judge(
        self,
        const unsigned char *at,
        Py_ssize_t available,
        int64_t shard,
        uint64_t seq,
        int64_t last_mono_ns,
        Header *header,
    ) noexcept nogil:
        """Return the size of the valid record at `at`; 0 where there is none, less its need where it is cut."""
        cdef Py_ssize_t size
        if available < SIZE:
            return -SIZE
        memcpy(header, at, SIZE)
        if memcmp(header.magic, self._magic, 4) != 0 or header.length > self._max_payload:
            return 0
        size = SIZE + <Py_ssize_t>header.length
        if size > available:
            return -size
        if (
            header.seq != seq
            or header.shard != shard
            or header.version != self._version
            or header.mono < last_mono_ns
            or not self._knows(header.kind, header.control, header.flags)
            or pm_crc32(at + CRC_FROM, size - CRC_FROM) != header.crc
        ):
            return 0
        return size

    cdef bint _knows(self, uint8_t kind, uint8_t control, uint8_t flags) noexcept nogil:
        if flags & self._unknown_flags:
            return False
        if kind == _CONTROL:
            return control != 0
        return control == 0 and (kind == _TEXT or kind == _BINARY)


cdef const unsigned char *_window(const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except? NULL:
    if not 0 <= start <= end <= data.shape[0]:
        raise ValueError("the window is not within the data")
    return &data[0] if data.shape[0] else NULL


cdef class RecordEncoder:
    """Encode records of one shard that follow each other; arguments as the twin's."""

    cdef char _magic[4]
    cdef Py_ssize_t _max_payload
    cdef uint8_t _version

    def __init__(self, header, idx_entry, bytes magic not None, crc_from, uint32_t max_payload, uint8_t version):
        cdef const char *letters = magic
        _check_layout(header, idx_entry, magic, crc_from)
        memcpy(self._magic, letters, 4)
        self._max_payload = max_payload
        self._version = version

    def encode(self, records, int64_t shard, uint64_t seq, uint64_t offset):
        """Return the records' bytes, and their index entries; see the twin. Other threads sum with it."""
        cdef list batch = list(records)
        cdef Py_ssize_t size = self._size(batch, shard, seq), count = len(batch)
        cdef bytes frames = PyBytes_FromStringAndSize(NULL, size)
        cdef bytes entries = PyBytes_FromStringAndSize(NULL, count * ENTRY_SIZE)
        cdef char *at = frames
        cdef char *index = entries
        cdef Header header
        cdef bytes payload
        memcpy(header.magic, self._magic, 4)
        header.crc, header.version = 0, self._version
        for own, told, kind, control, flags, conn, mono, wall, data in batch:
            try:
                header.kind, header.control, header.flags = kind, control, flags
                header.seq, header.mono, header.wall = told, mono, wall
                header.conn, header.shard = conn, own
            except (OverflowError, TypeError) as error:
                raise ValueError(f"shard {shard}: record {told} does not fit the format: {error}") from None
            payload = data
            header.length = len(payload)
            memcpy(at, &header, SIZE)
            memcpy(at + SIZE, <const char *>payload, header.length)
            at += SIZE + header.length
        with nogil:
            _sum(at - size, index, count, offset)
        return frames, entries

    cdef Py_ssize_t _size(self, list batch, int64_t shard, uint64_t seq) except -1:
        """Return how many bytes the records take, after a look at what the twin refuses."""
        cdef Py_ssize_t size = 0, length
        for own, told, _kind, _control, _flags, _conn, _mono, _wall, payload in batch:
            length = len(<bytes?>payload)
            if told != seq or own != shard:
                raise ValueError(f"shard {shard}: record {told} of {own} is not {seq}")
            if length > self._max_payload:
                raise ValueError(f"a payload of {length} bytes is longer than {self._max_payload}")
            size += SIZE + length
            seq += 1
        return size


cdef void _sum(char *at, char *index, Py_ssize_t count, uint64_t offset) noexcept nogil:
    """Write the checksums of records that stand at `at`, and their index entries."""
    cdef Header header
    cdef Entry entry
    cdef Py_ssize_t size
    entry.zero = 0
    for _ in range(count):
        memcpy(&header, at, SIZE)
        size = SIZE + <Py_ssize_t>header.length
        header.crc = pm_crc32(<const unsigned char *>at + CRC_FROM, size - CRC_FROM)
        memcpy(at, &header, SIZE)
        entry.offset, entry.mono, entry.length, entry.crc = offset, header.mono, header.length, header.crc
        entry.conn, entry.kind, entry.control, entry.flags = (
            header.conn, header.kind, header.control, header.flags
        )
        memcpy(index, &entry, ENTRY_SIZE)
        at += size
        index += ENTRY_SIZE
        offset += size


cdef _check_layout(header, idx_entry, magic, crc_from):
    if (
        header.format != "<4sIIBBBBQqqII"
        or idx_entry.format != "<QqIIIBBBx"
        or len(magic) != 4
        or crc_from != CRC_FROM
        or byteorder != "little"
    ):
        raise ValueError(f"the compiled core cannot use the layout {header.format} on this machine")


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


cdef class Sha256:
    """The SHA-256 of bytes that come some at a time; see the twin. Other threads run meanwhile."""

    cdef pm_sha _state
    cdef object _elsewhere

    def __init__(self):
        self._elsewhere = None if pm_sha_supported() else sha256()
        pm_sha_begin(&self._state)

    def update(self, const unsigned char[::1] data not None):
        """Add bytes."""
        if self._elsewhere is not None:
            self._elsewhere.update(data)
        elif data.shape[0]:
            with nogil:
                pm_sha_update(&self._state, &data[0], data.shape[0])

    def hexdigest(self):
        """Return the digest of all bytes so far, in lower-case hex."""
        cdef unsigned char digest[32]
        if self._elsewhere is not None:
            return self._elsewhere.hexdigest()
        pm_sha_finish(&self._state, digest)
        return digest[:32].hex()


def update_two(
    Sha256 first not None,
    const unsigned char[::1] data not None,
    Sha256 second not None,
    const unsigned char[::1] other not None,
):
    """Add bytes to two digests at once; see the twin."""
    if first is second or first._elsewhere is not None or not data.shape[0] or not other.shape[0]:
        first.update(data)
        second.update(other)
        return
    with nogil:
        pm_sha_update_two(
            &first._state, &data[0], data.shape[0], &second._state, &other[0], other.shape[0]
        )


cdef extern from *:
    """
    #ifdef _WIN32
    #include <io.h>
    #define pm_read(fd, to, size) _read(fd, to, (unsigned)(size))
    #else
    #include <unistd.h>
    #define pm_read read
    #endif
    """
    Py_ssize_t pm_read(int fd, void *to, size_t size) nogil

cdef enum:
    BLOCK_BYTES = 256 * 1024


def file_digests(files, stop not None):
    """Return the SHA-256 of one or two files' first bytes, in hex, and close them; see the twin.

    All the while other threads run: a thread that asked for the interpreter again and again would hold them up.
    """
    cdef pm_sha states[2]
    cdef int fds[2]
    cdef int64_t left[2]
    cdef Py_ssize_t got[2]
    cdef unsigned char *blocks
    cdef unsigned char digest[32]
    cdef const unsigned char[::1] asked = stop
    cdef const unsigned char *flag = &asked[0]
    cdef int count = len(files), i
    cdef bint is_bad = False
    if not pm_sha_supported() or not 1 <= count <= 2:
        return _file_digests(files, stop)
    blocks = <unsigned char *>PyMem_Malloc(2 * BLOCK_BYTES)
    if blocks == NULL:
        raise MemoryError
    fds[0] = fds[1] = -1
    left[0] = left[1] = 0
    for i in range(count):
        fds[i], left[i] = files[i]
        pm_sha_begin(&states[i])
    try:
        with nogil:
            while left[0] or left[1]:
                if (<const volatile unsigned char *>flag)[0]:
                    break
                for i in range(2):
                    got[i] = 0
                    if left[i]:
                        got[i] = pm_read(fds[i], blocks + i * BLOCK_BYTES, min(left[i], BLOCK_BYTES))
                        if got[i] < 0:
                            is_bad = True
                            break
                        left[i] = 0 if got[i] == 0 else left[i] - got[i]
                if is_bad:
                    break
                if got[0] and got[1]:
                    pm_sha_update_two(&states[0], blocks, got[0], &states[1], blocks + BLOCK_BYTES, got[1])
                else:
                    for i in range(2):
                        if got[i]:
                            pm_sha_update(&states[i], blocks + i * BLOCK_BYTES, got[i])
        if is_bad:
            PyErr_SetFromErrno(OSError)
        found = []
        for i in range(count):
            pm_sha_finish(&states[i], digest)
            found.append(digest[:32].hex())
        return found
    finally:
        PyMem_Free(blocks)
        for i in range(count):
            os.close(fds[i])


def crc32(const unsigned char[::1] data not None):
    """Return the CRC-32 of zlib and gzip."""
    return pm_crc32(&data[0] if data.shape[0] else NULL, data.shape[0])
