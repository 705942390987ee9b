"""What a shard is read from: a `.frames` file, or the same bytes out of a sealed one."""

import io
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple, Protocol

from pm_data import osdep
from pm_data.bundle.blocks import find_blocks, read_at
from pm_data.bundle.sealed_format import BLOCK_BYTES, MAX_FRAME_HEADER_BYTES, MAX_RATIO, SUFFIX
from pm_data.bundle.zstd import Decompressor, parse_frame_header
from pm_data.errors import UsageError


class BadBlocks(NamedTuple):
    """Blocks of a sealed shard, one after the other, that cannot be decoded.

    Args:
        first: number of the first; `after` that of the one after the last.
        start: where they begin in the sealed file; `end` where they end.
    """

    first: int
    after: int
    start: int
    end: int

    @property
    def plain_start(self) -> int:
        """Where their bytes begin in the `.frames` file."""
        return self.first * BLOCK_BYTES


class Source(Protocol):
    """The bytes of a `.frames` file.

    Args:
        size: how many there are.
        is_table_whole: False of a sealed shard with a damaged seek table.
        bad_blocks: of a sealed shard, those met so far; whoever reports them empties the list.
    """

    size: int
    is_table_whole: bool
    bad_blocks: list[BadBlocks]

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read some of the bytes that follow; 0 at the end."""

    def seek(self, offset: int, /) -> int:
        """Go on at `offset`."""

    def next_data(self, offset: int) -> int | None:
        """Return where the next bytes at or after `offset` are that are no hole; None where none follow."""

    def close(self) -> None:
        """Close the file."""


class PlainFile(io.FileIO):
    """A `.frames` file."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            OSError: it is no regular file, or may not be read.
        """
        super().__init__(osdep.open_regular(path))
        self.size = self.seek(0, io.SEEK_END)
        self.seek(0)
        self.is_table_whole = True
        self.bad_blocks: list[BadBlocks] = []

    def next_data(self, offset: int) -> int | None:
        """Return where the next bytes are that are no hole; the position afterwards is undefined."""
        return osdep.next_data(self.fileno(), offset)


class SealedFile:
    """A sealed shard, read as the `.frames` file that it was made of, a block in memory at a time.

    Bytes of a block that cannot be decoded read as zero; zero bytes are never a record.
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            OSError: it is no regular file, or cannot be read.
            UsageError: the library for it is not installed, or it promises more than records can be.
        """
        self._file = io.FileIO(osdep.open_regular(path))
        try:
            stored = self._file.seek(0, io.SEEK_END)
            self._blocks = find_blocks(self._file, stored)
            self._decompressor = Decompressor()
            self.size = self._blocks.plain_bytes
            if self.size > MAX_RATIO * stored:
                raise UsageError(
                    f"cannot open {path}: {stored} bytes that promise {self.size}; "
                    f"more than {MAX_RATIO} times as many are no records"
                )
        except BaseException:
            self._file.close()
            raise
        self.is_table_whole = self._blocks.is_table_whole
        self.bad_blocks: list[BadBlocks] = []
        self._judged = 0
        self._position = 0
        self._number = -1
        self._block = memoryview(b"")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def readinto(self, buffer: memoryview, /) -> int:
        """Read bytes that follow, of one block; 0 at the end."""
        number, start = divmod(self._position, BLOCK_BYTES)
        if number >= len(self._blocks.ends):
            return 0
        if number != self._number:
            self._block, self._number = memoryview(self._decode(number)), number
        part = self._block[start : start + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def seek(self, offset: int, /) -> int:
        """Go on at `offset`."""
        self._position = offset
        return offset

    def next_data(self, offset: int) -> int | None:
        """Return where the next bytes at or after `offset` are in a block that at least begins as one."""
        ends = self._blocks.ends
        number = offset // BLOCK_BYTES
        while number < len(ends):
            start, end = self._blocks.place(number)
            stored = osdep.next_data(self._file.fileno(), start)
            if stored is None or stored >= end:
                after = len(ends) if stored is None else bisect_right(ends, stored)
                self._note_bad(number, after)
                number = after
                continue
            if parse_frame_header(read_at(self._file, start, MAX_FRAME_HEADER_BYTES)) is not None:
                return max(offset, number * BLOCK_BYTES)
            self._note_bad(number, number + 1)
            number += 1
        return None

    def _decode(self, number: int) -> bytes:
        start, end = self._blocks.place(number)
        size = self._blocks.plain_size(number)
        plain = self._decompressor.decompress(read_at(self._file, start, end - start), size)
        if plain is None:
            self._note_bad(number, number + 1)
            return bytes(size)
        self._judged = max(self._judged, number + 1)
        return plain

    def _note_bad(self, first: int, after: int) -> None:
        """Take note of blocks that cannot be decoded, once; reading goes forward, but for second looks."""
        first = max(first, self._judged)
        if first >= after:
            return
        self._judged = after
        start, end = self._blocks.place(first)[0], self._blocks.ends[after - 1]
        if self.bad_blocks and self.bad_blocks[-1].after == first:
            self.bad_blocks[-1] = self.bad_blocks[-1]._replace(after=after, end=end)
        else:
            self.bad_blocks.append(BadBlocks(first, after, start, end))


def open_source(path: Path) -> Source:
    """Open a shard's file, sealed or not, as its name says.

    Raises:
        OSError: it is no regular file, or cannot be read.
        UsageError: it is sealed and cannot be opened.
    """
    return SealedFile(path) if path.suffix == SUFFIX else PlainFile(path)
