"""The record's layout and its check, for the compiled loop."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

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


cdef class RecordScanner:
    cdef char _magic[4]
    cdef uint32_t _max_payload
    cdef uint8_t _version
    cdef uint8_t _unknown_flags

    cdef Py_ssize_t judge(
        self,
        const unsigned char *at,
        Py_ssize_t available,
        int64_t shard,
        uint64_t seq,
        int64_t last_mono_ns,
        Header *header,
    ) noexcept nogil
    cdef bint _knows(self, uint8_t kind, uint8_t control, uint8_t flags) noexcept nogil
