"""Scan bytes for consecutive valid records of one shard.

The layout is given by who asks (`bundle/format.py` knows the numbers); a record
is valid when magic, form, number, shard, stamp and checksum are right.
"""

import struct
import zlib

from pm_data._fast.scanned import Scanned
from pm_data.frame import Kind, Record

Buffer = bytes | bytearray


class RecordScanner:
    """Scan one shard's bytes, a window at a time.

    Args:
        header: magic, crc, length, version, kind, control, flags, seq, rx_mono_ns, rx_wall_ns_utc,
            conn, shard.
        crc_from: offset in a record from which its checksum counts.
        max_payload: most bytes of a payload.
        version: the format version that is read.
        known_flags: the flag bits that a record may have.
    """

    def __init__(
        self,
        header: struct.Struct,
        magic: bytes,
        crc_from: int,
        max_payload: int,
        version: int,
        known_flags: int,
    ) -> None:
        self._header = header
        self._magic = magic
        self._crc_from = crc_from
        self._max_payload = max_payload
        self._version = version
        self._known_flags = known_flags

    def scan(self, data: Buffer, start: int, end: int, shard: int, seq: int, last_mono_ns: int) -> Scanned:
        """Take valid records off `data[start:end]`.

        Args:
            shard: the shard that they must be of; -1 finds none.
            seq: number of the first.
            last_mono_ns: least stamp of the first.
        """
        records: list[Record] = []
        checksums: list[int] = []
        unpack, size = self._header.unpack_from, self._header.size
        crc32, new = zlib.crc32, tuple.__new__
        view = memoryview(data)
        wall = 0
        while True:
            body = start + size
            if body > end:
                need = size
                break
            magic, crc, length, version, kind, control, flags, number, mono, wall_ns, conn, own = unpack(
                data, start
            )
            stop = body + length
            if magic != self._magic or length > self._max_payload:
                need = 0
                break
            if stop > end:
                need = stop - start
                break
            if (
                crc32(view[start + self._crc_from : stop]) != crc
                or number != seq
                or own != shard
                or version != self._version
                or mono < last_mono_ns
                # A frame without flags, nearly every record, needs no call.
                or ((control or flags or kind not in (1, 2)) and not self.is_known_form(kind, control, flags))
            ):
                need = 0
                break
            payload = bytes(view[body:stop])
            # Not Record(...): this makes the same object in half the time.
            records.append(new(Record, (own, number, kind, control, flags, conn, mono, wall_ns, payload)))
            checksums.append(crc)
            seq += 1
            last_mono_ns, wall = mono, wall_ns
            start = stop
        return Scanned(records, checksums, start, seq, last_mono_ns, wall, need)

    def is_known_form(self, kind: int, control: int, flags: int) -> bool:
        """Return whether this version has records of this form; a control type may be a later one."""
        if flags & ~self._known_flags:
            return False
        return control != 0 if kind == Kind.CONTROL else control == 0 and kind in (Kind.TEXT, Kind.BINARY)


def crc32(data: Buffer) -> int:
    """Return the CRC-32 of zlib and gzip."""
    return zlib.crc32(data)
