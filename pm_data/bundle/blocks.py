"""Where the blocks of a sealed shard are: by its seek table, or where that is damaged along the blocks."""

import io
import sys
from array import array
from itertools import accumulate
from typing import NamedTuple

from pm_data.bundle.sealed_format import (
    BLOCK_BYTES,
    BLOCK_HEADER_BYTES,
    CHECKSUM_BYTES,
    DESCRIPTOR,
    ENTRY,
    FOOTER,
    FOOTER_MAGIC,
    MAX_BLOCKS,
    MAX_FRAME_HEADER_BYTES,
    MAX_STORED_BYTES,
    RLE_BLOCK,
    SKIPPABLE,
    SKIPPABLE_MAGIC,
    seek_table_bytes,
)
from pm_data.bundle.zstd import Decompressor, FrameHeader, parse_frame_header


class Blocks(NamedTuple):
    """The blocks of a sealed shard.

    Args:
        ends: where each ends in the sealed file; the first begins at 0.
        plain_bytes: what all of them decode to.
        is_table_whole: whether the seek table said so.
    """

    ends: "array[int]"
    plain_bytes: int
    is_table_whole: bool

    def place(self, number: int) -> tuple[int, int]:
        """Return where a block begins and ends in the sealed file."""
        return self.ends[number - 1] if number else 0, self.ends[number]

    def plain_size(self, number: int) -> int:
        """Return how many bytes a block decodes to."""
        return min(BLOCK_BYTES, self.plain_bytes - number * BLOCK_BYTES)


def find_blocks(file: io.FileIO, size: int) -> Blocks:
    """Return the blocks of a sealed file of `size` bytes; memory is bounded by `MAX_BLOCKS` and the file."""
    return _from_table(file, size) or _along(file, size)


def read_at(file: io.FileIO, offset: int, size: int) -> bytes:
    """Read `size` bytes; fewer only at the end of the file."""
    file.seek(offset)
    data = b""
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data


def _from_table(file: io.FileIO, size: int) -> Blocks | None:
    """Return what the seek table says, None where it is damaged."""
    if size < seek_table_bytes(0):
        return None
    count, descriptor, magic = FOOTER.unpack(read_at(file, size - FOOTER.size, FOOTER.size))
    length = seek_table_bytes(count)
    if magic != FOOTER_MAGIC or descriptor != DESCRIPTOR or count > MAX_BLOCKS or length > size:
        return None
    table = read_at(file, size - length, length)
    if len(table) < length or SKIPPABLE.unpack_from(table) != (SKIPPABLE_MAGIC, length - SKIPPABLE.size):
        return None
    numbers = array("I", table[SKIPPABLE.size : SKIPPABLE.size + count * ENTRY.size])
    if sys.byteorder == "big":
        numbers.byteswap()
    stored, plain = numbers[0::2], numbers[1::2]
    if sum(stored) + length != size:
        return None
    if count and not (
        0 < min(stored) <= max(stored) <= MAX_STORED_BYTES
        and 0 < plain[-1] <= BLOCK_BYTES
        and plain[:-1].count(BLOCK_BYTES) == count - 1
    ):
        return None
    blocks = Blocks(array("Q", accumulate(stored)), sum(plain), True)
    if count:
        # Of all sizes only this one is not told by its place.
        last = read_at(file, blocks.place(count - 1)[0], stored[-1])
        header = parse_frame_header(last)
        if header is not None and header.content_bytes != plain[-1]:
            # One of the two is damaged.
            return None if Decompressor().decompress(last, header.content_bytes) else blocks
    return blocks


def _along(file: io.FileIO, size: int) -> Blocks:
    """Follow the blocks from the first on, up to one whose length cannot be told."""
    ends = array("Q")
    start = plain_bytes = 0
    while len(ends) < MAX_BLOCKS and plain_bytes == len(ends) * BLOCK_BYTES:
        header = parse_frame_header(read_at(file, start, MAX_FRAME_HEADER_BYTES))
        end = None if header is None else _frame_end(file, start, header)
        if header is None or end is None or end > size:
            break
        ends.append(end)
        plain_bytes += header.content_bytes
        start = end
    return Blocks(ends, plain_bytes, False)


def _frame_end(file: io.FileIO, start: int, header: FrameHeader) -> int | None:
    at = start + header.header_bytes
    last = False
    while not last:
        parts = read_at(file, at, BLOCK_HEADER_BYTES)
        if len(parts) < BLOCK_HEADER_BYTES:
            return None
        word = int.from_bytes(parts, "little")
        last = bool(word & 1)
        at += BLOCK_HEADER_BYTES + (1 if word >> 1 & 3 == RLE_BLOCK else word >> 3)
        if at - start > MAX_STORED_BYTES:
            return None
    return at + CHECKSUM_BYTES
