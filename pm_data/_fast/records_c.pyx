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
        for record in batch:
            try:
                header.shard = <object>PyTuple_GET_ITEM(record, 0)
                header.seq = <object>PyTuple_GET_ITEM(record, 1)
                header.kind = <object>PyTuple_GET_ITEM(record, 2)
                header.control = <object>PyTuple_GET_ITEM(record, 3)
                header.flags = <object>PyTuple_GET_ITEM(record, 4)
                header.conn = <object>PyTuple_GET_ITEM(record, 5)
                header.mono = <object>PyTuple_GET_ITEM(record, _STAMP)
                header.wall = <object>PyTuple_GET_ITEM(record, 7)
            except (OverflowError, TypeError) as error:
                raise ValueError(f"shard {shard}: record {record[1]} does not fit the format: {error}") from None
            payload = <object>PyTuple_GET_ITEM(record, 8)
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
        for place, record in enumerate(batch):
            if not isinstance(record, tuple):
                record = batch[place] = tuple(record)
            if PyTuple_GET_SIZE(record) != 9:
                raise ValueError(f"shard {shard}: {len(record)} fields are no record")
            # Taken one by one: to unpack a named tuple goes through an iterator.
            own, told = <object>PyTuple_GET_ITEM(record, 0), <object>PyTuple_GET_ITEM(record, 1)
            length = len(<bytes?><object>PyTuple_GET_ITEM(record, 8))
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


include "merge.pxi"
include "digests.pxi"


def crc32(const unsigned char[::1] data not None):
    """Return the CRC-32 of zlib and gzip."""
    return pm_crc32(&data[0] if data.shape[0] else NULL, data.shape[0])
