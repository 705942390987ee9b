"""Encode records, scan bytes for consecutive valid ones of one shard, and merge the records of several.

The layout is given by who asks (`bundle/format.py` knows the numbers); a record
is valid when magic, form, number, shard, stamp and checksum are right.
"""

import hashlib
import struct
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import itemgetter

from pm_data._fast.scanned import Scanned
from pm_data.frame import Kind, Record

Buffer = bytes | bytearray

_BLOCK_BYTES = 256 * 1024

_stamp = itemgetter(Record._fields.index("rx_mono_ns"))


class RecordScanner:
    """Scan one shard's bytes, a window at a time.

    Args:
        header: magic, crc, length, version, kind, control, flags, seq, rx_mono_ns, rx_wall_ns_utc,
            conn, shard.
        idx_entry: offset, rx_mono_ns, length, crc, conn, kind, control, flags.
        crc_from: offset in a record from which its checksum counts.
        max_payload: most bytes of a payload.
        version: the format version that is read.
        known_flags: the flag bits that a record may have.
    """

    def __init__(
        self,
        header: struct.Struct,
        idx_entry: struct.Struct,
        magic: bytes,
        crc_from: int,
        max_payload: int,
        version: int,
        known_flags: int,
    ) -> None:
        self._header = header
        self._idx_entry = idx_entry
        self._magic = magic
        self._crc_from = crc_from
        self._max_payload = max_payload
        self._version = version
        self._known_flags = known_flags

    def scan(
        self, data: Buffer, start: int, end: int, shard: int, seq: int, last_mono_ns: int
    ) -> tuple[list[Record], Scanned]:
        """Take valid records off `data[start:end]`.

        Args:
            shard: the shard that they must be of; -1 finds none.
            seq: number of the first.
            last_mono_ns: least stamp of the first.
        """
        records, _checksums, stop = self._take(data, start, end, shard, seq, last_mono_ns, end - start)
        return records, stop

    def index(
        self,
        data: Buffer,
        start: int,
        end: int,
        shard: int,
        seq: int,
        last_mono_ns: int,
        offset: int,
        entries: bytearray,
    ) -> Scanned:
        """Check records as `scan` does, and write their index entries instead of making them.

        Args:
            offset: where in the file the byte at `start` is.
            entries: filled from its start; no more records are taken than it has room for. `need` is
                then that of a record of which nothing is known.
        """
        room = len(entries) // self._idx_entry.size
        records, checksums, stop = self._take(data, start, end, shard, seq, last_mono_ns, room)
        at = 0
        for record, checksum in zip(records, checksums, strict=True):
            length = len(record.payload)
            form = (record.kind, record.control, record.flags)
            self._idx_entry.pack_into(
                entries, at, offset, record.rx_mono_ns, length, checksum, record.conn, *form
            )
            at += self._idx_entry.size
            offset += self._header.size + length
        return stop

    def _take(
        self, data: Buffer, start: int, end: int, shard: int, seq: int, last_mono_ns: int, room: int
    ) -> tuple[list[Record], list[int], Scanned]:
        """Take at most `room` records; return them, their checksums, and where that ended."""
        if not 0 <= start <= end <= len(data):
            raise ValueError("the window is not within the data")
        records: list[Record] = []
        checksums: list[int] = []
        unpack, size = self._header.unpack_from, self._header.size
        crc32, new = zlib.crc32, tuple.__new__
        view = memoryview(data)
        wall = 0
        while True:
            body = start + size
            if body > end or len(records) == room:
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
        return records, checksums, Scanned(start, seq, last_mono_ns, wall, need)

    def is_known_form(self, kind: int, control: int, flags: int) -> bool:
        """Return whether this version has records of this form; a control type may be a later one."""
        if flags & ~self._known_flags:
            return False
        return control != 0 if kind == Kind.CONTROL else control == 0 and kind in (Kind.TEXT, Kind.BINARY)


class RecordEncoder:
    """Encode records of one shard that follow each other; arguments as `RecordScanner`'s."""

    def __init__(
        self,
        header: struct.Struct,
        idx_entry: struct.Struct,
        magic: bytes,
        crc_from: int,
        max_payload: int,
        version: int,
    ) -> None:
        self._header = header
        self._idx_entry = idx_entry
        self._magic = magic
        self._crc_from = crc_from
        self._max_payload = max_payload
        self._version = version

    def encode(self, records: Sequence[Record], shard: int, seq: int, offset: int) -> tuple[bytes, bytes]:
        """Return the records' bytes, and their index entries.

        Args:
            shard: the shard that they must be of.
            seq: number of the first.
            offset: where in the file it will begin.

        Raises:
            ValueError: a record is not the next of this shard, its payload is too long, or a field of it
                does not fit the format.
        """
        frames, entries = [], []
        for number, record in enumerate(records, seq):
            own, told, kind, control, flags, conn, mono, wall, payload = record
            length = len(payload)
            if told != number or own != shard:
                raise ValueError(f"shard {shard}: record {told} of {own} is not {number}")
            if length > self._max_payload:
                raise ValueError(f"a payload of {length} bytes is longer than {self._max_payload}")
            form = (length, self._version, kind, control, flags, told, mono, wall, conn, own)
            try:
                unsummed = self._header.pack(self._magic, 0, *form)
            except struct.error as error:
                raise ValueError(f"shard {shard}: record {told} does not fit the format: {error}") from None
            crc = zlib.crc32(payload, zlib.crc32(unsummed[self._crc_from :]))
            frames += [self._header.pack(self._magic, crc, *form), payload]
            entries.append(self._idx_entry.pack(offset, mono, length, crc, conn, kind, control, flags))
            offset += self._header.size + length
        return b"".join(frames), b"".join(entries)


def merge(batches: list[list[Record]], begins: list[int]) -> list[Record]:
    """Take records off several batches in the order (rx_mono_ns, place of the batch), until one is used up.

    Args:
        batches: at least one, each with records left, in order.
        begins: the first record left of each; moved on.
    """
    # A stable sort by stamp alone, of parts laid out by place, finds the runs it is given and mostly copies.
    # What bears the very stamp that ends first comes along from places up to that one.
    first = min(range(len(batches)), key=lambda place: _stamp(batches[place][-1]))
    stamp = _stamp(batches[first][-1])
    ready: list[Record] = []
    for place, batch in enumerate(batches):
        cut = bisect_right if place <= first else bisect_left
        end = cut(batch, stamp, begins[place], key=_stamp)
        ready += batch[begins[place] : end]
        begins[place] = end
    ready.sort(key=_stamp)
    return ready


class Sha256:
    """The SHA-256 of bytes that come some at a time."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def update(self, data: Buffer | memoryview) -> None:
        """Add bytes."""
        self._sha256.update(data)

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far, in lower-case hex."""
        return self._sha256.hexdigest()


def update_two(first: Sha256, data: Buffer | memoryview, second: Sha256, other: Buffer | memoryview) -> None:
    """Add bytes to two digests at once, which may take less time than one after the other."""
    first.update(data)
    second.update(other)


def file_digests(files: Sequence[tuple[int, int]], stop: bytearray) -> list[str]:
    """Return the SHA-256 of one or two files' first bytes, in lower-case hex, and close them.

    Args:
        files: descriptor and number of bytes of each; a shorter file is taken as it is.
        stop: a first byte that is not 0 ends the work, with digests of part of the files.
    """
    digests = []
    for fd, size in files:
        digest = hashlib.sha256()
        with open(fd, "rb", buffering=0) as file:
            while size and not stop[0] and (data := file.read(min(size, _BLOCK_BYTES))):
                digest.update(data)
                size -= len(data)
        digests.append(digest.hexdigest())
    return digests


def crc32(data: Buffer) -> int:
    """Return the CRC-32 of zlib and gzip."""
    return zlib.crc32(data)
