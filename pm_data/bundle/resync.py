"""Find the next valid record after damage, and say what a damaged tail is."""

import zlib

from pm_data.bundle.damage import DamageClass
from pm_data.bundle.format import (
    CRC_FROM,
    FORMAT_VERSION,
    HEADER,
    HEADER_SIZE,
    MAGIC,
    MAX_PAYLOAD,
    MAX_SEQ,
    SCANNER,
    Header,
)
from pm_data.bundle.window import Window

CHECK_BUDGET_BYTES = 8 * MAX_PAYLOAD
"""Bytes of a file, beyond its size, whose checksum is taken in vain.

A file can be made of headers that each claim megabytes; reading it must not take hours.
"""

_FALSE_MAGIC_BYTES = 4096
"""What a false magic costs of that: about what a look at it costs in time."""


def parse_header(data: bytes | bytearray, at: int) -> Header:
    """Return the header that starts at `at`, where `HEADER_SIZE` bytes are."""
    return Header(*HEADER.unpack_from(data, at))


def is_intact(window: Window) -> bool:
    """Return whether a whole record with the right checksum stands at the window's start."""
    if window.end - window.start < HEADER_SIZE:
        return False
    header = parse_header(window.data, window.start)
    stop = window.start + HEADER_SIZE + header.length
    return (
        header.magic == MAGIC
        and stop <= window.end
        and zlib.crc32(window.view[window.start + CRC_FROM : stop]) == header.crc
    )


class Resync:
    """Searches one file; what it spends on false starts is bounded over the whole file."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._budget_bytes = CHECK_BUDGET_BYTES + window.limit

    def find(self, shard: int | None, seq: int, mono_ns: int) -> Header | None:
        """Move the window to the next valid record that can follow, after at least one byte.

        Args:
            seq: the least number, `mono_ns` the least stamp that it may have.

        Returns:
            Its header, or None with the window at its limit.
        """
        window = self._window
        window.start += 1
        while self._budget_bytes > 0:
            found = window.data.find(MAGIC, window.start, window.end)
            if found < 0:
                window.start = window.end - _begun_magic(window)
                window.skip_hole()
                if not window.slide(window.end - window.start + 1):
                    break
                continue
            window.start = found
            if not window.hold(HEADER_SIZE):
                break
            header = parse_header(window.data, window.start)
            self._budget_bytes -= _FALSE_MAGIC_BYTES
            if _can_follow(header, shard, seq, mono_ns):
                if window.hold(HEADER_SIZE + header.length) and is_intact(window):
                    return header
                self._budget_bytes -= HEADER_SIZE + header.length
            window.start += 1
        window.jump(window.limit)
        return None

    def classify_tail(self, head: bytes, origin: int, shard: int | None, seq: int) -> tuple[DamageClass, str]:
        """Say what the bytes from `origin` to the end are, where no valid record follows.

        Args:
            head: the first of them, at most a header's worth.
            seq: the number that a record there would have.
        """
        limit = self._window.limit
        nonzero_end = self._nonzero_end(origin)
        if nonzero_end == origin:
            return DamageClass.ZERO_TAIL, "zero bytes to the end of the file"
        record_end = _record_end(head, origin, shard, seq)
        if record_end is not None and record_end > limit:
            return DamageClass.TORN_TAIL, "the file ends within the record"
        record_end = _record_end(head[: nonzero_end - origin], origin, shard, seq)
        if record_end is not None and nonzero_end < min(record_end, limit):
            return DamageClass.ZERO_TAIL, "the record's end and all that follows are zero bytes"
        if self._budget_bytes <= 0:
            return DamageClass.CRC_MISMATCH, "so many false records that the search was given up"
        return DamageClass.CRC_MISMATCH, "no valid record follows"

    def _nonzero_end(self, origin: int) -> int:
        """Return where the zero bytes at the file's end begin, at least `origin`."""
        window = self._window
        window.jump(origin)
        nonzero_end = origin
        while True:
            window.skip_hole()
            if not window.slide(1):
                return nonzero_end
            seen = bytes(window.view[window.start : window.end]).rstrip(b"\0")
            if seen:
                nonzero_end = window.position + len(seen)
            window.start = window.end


def _can_follow(header: Header, shard: int | None, seq: int, mono_ns: int) -> bool:
    return (
        header.version == FORMAT_VERSION
        and header.length <= MAX_PAYLOAD
        and SCANNER.is_known_form(header.kind, header.control, header.flags)
        and (shard is None or header.shard == shard)
        and seq <= header.seq <= MAX_SEQ
        and header.rx_mono_ns >= mono_ns
    )


def _begun_magic(window: Window) -> int:
    """Return how many bytes at the window's end may be the first of a magic."""
    for count in range(min(len(MAGIC) - 1, window.end - window.start), 0, -1):
        if window.data[window.end - count : window.end] == MAGIC[:count]:
            return count
    return 0


def _record_end(head: bytes, origin: int, shard: int | None, seq: int) -> int | None:
    """Return where the record that begins with `head` would end; None where it begins none that is due."""
    if not head.startswith(MAGIC[: len(head)]):
        return None
    if len(head) < HEADER_SIZE:
        return origin + HEADER_SIZE
    header = parse_header(head, 0)
    if header.seq != seq or not _can_follow(header, shard, seq, header.rx_mono_ns):
        return None
    return origin + HEADER_SIZE + header.length
