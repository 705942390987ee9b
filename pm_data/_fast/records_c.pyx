"""Scan bytes for consecutive valid records of one shard; records_py.py is the definition.

The layout of `bundle/format.py` is compiled in; another one is refused.
"""

include "source_digest.pxi"
include "crc32.pxi"

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from sys import byteorder

from pm_data._fast.scanned import Scanned
from pm_data.frame import Kind, Record

cdef extern from "Python.h":
    void PyTuple_SET_ITEM(object record, Py_ssize_t place, object value)

cdef extern from *:
    """
    static inline PyObject *pm_new_tuple(PyObject *type, Py_ssize_t size) {
        return ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, size);
    }
    """
    object pm_new_tuple(object kind, Py_ssize_t size)

cdef packed struct Header:
    char magic[4]
    uint32_t crc
    uint32_t length
    uint8_t version
    uint8_t kind
    uint8_t control
    uint8_t flags
    uint64_t seq
    int64_t mono
    int64_t wall
    uint32_t conn
    uint32_t shard

cdef enum:
    SIZE = 48
    CRC_FROM = 8

cdef object _Record = Record
cdef uint8_t _TEXT = Kind.TEXT
cdef uint8_t _BINARY = Kind.BINARY
cdef uint8_t _CONTROL = Kind.CONTROL

pm_crc_prepare()


cdef inline void _put(object record, Py_ssize_t place, object value):
    Py_INCREF(value)  # SET_ITEM takes a reference over
    PyTuple_SET_ITEM(record, place, value)


cdef class RecordScanner:
    """Scan one shard's bytes, a window at a time; arguments as the twin's."""

    cdef bytes _magic
    cdef uint32_t _max_payload
    cdef uint8_t _version
    cdef uint8_t _unknown_flags

    def __init__(self, header, bytes magic not None, crc_from, max_payload, version, known_flags):
        if header.format != "<4sIIBBBBQqqII" or len(magic) != 4 or crc_from != CRC_FROM or byteorder != "little":
            raise ValueError(f"the compiled core cannot read the layout {header.format} on this machine")
        self._magic = magic
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
        cdef list records = [], checksums = []
        cdef const char *magic = self._magic
        cdef const unsigned char *at
        cdef Py_ssize_t need, stop
        cdef int64_t wall = 0
        cdef Header header
        cdef object record, shard_object = shard, conn_object = None
        cdef uint32_t conn = 0
        if not 0 <= start <= end <= data.shape[0]:
            raise ValueError("the window is not within the data")
        while True:
            if start + SIZE > end:
                need = SIZE
                break
            at = &data[start]
            memcpy(&header, at, SIZE)
            if memcmp(header.magic, magic, 4) != 0 or header.length > self._max_payload:
                need = 0
                break
            stop = start + SIZE + <Py_ssize_t>header.length
            if stop > end:
                need = stop - start
                break
            if (
                header.seq != seq
                or header.shard != shard
                or header.version != self._version
                or header.mono < last_mono_ns
                or not self._knows(header.kind, header.control, header.flags)
                or pm_crc32(at + CRC_FROM, SIZE - CRC_FROM + header.length) != header.crc
            ):
                need = 0
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
            _put(record, 8, PyBytes_FromStringAndSize(<const char *>at + SIZE, header.length))
            records.append(record)
            checksums.append(header.crc)
            seq += 1
            last_mono_ns, wall = header.mono, header.wall
            start = stop
        return Scanned(records, checksums, start, seq, last_mono_ns, wall, need)

    def is_known_form(self, uint8_t kind, uint8_t control, uint8_t flags):
        """Return whether this version has records of this form; a control type may be a later one."""
        return self._knows(kind, control, flags)

    cdef bint _knows(self, uint8_t kind, uint8_t control, uint8_t flags) noexcept:
        if flags & self._unknown_flags:
            return False
        if kind == _CONTROL:
            return control != 0
        return control == 0 and (kind == _TEXT or kind == _BINARY)


def crc32(const unsigned char[::1] data not None):
    """Return the CRC-32 of zlib and gzip."""
    return pm_crc32(&data[0] if data.shape[0] else NULL, data.shape[0])
