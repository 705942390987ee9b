"""The one place that knows the library of Zstandard, which is an extra."""

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from pm_data.bundle.sealed_format import BLOCK_BYTES
from pm_data.errors import UsageError

_MAGIC = b"\x28\xb5\x2f\xfd"
_LEVEL = 6
"""From here on smaller files take several times as long."""


class FrameHeader(NamedTuple):
    """What a frame says of itself: the bytes that it decodes to, and those of its header."""

    content_bytes: int
    header_bytes: int


@cache
def library() -> ModuleType:
    """Return the library.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return import_module("zstandard")
    except ImportError:
        raise UsageError("a sealed shard needs the extra zstd: pip install 'pm_data[zstd]'") from None


def parse_frame_header(data: bytes) -> FrameHeader | None:
    """Return what a frame's first bytes say; None unless they begin one that can be a block.

    Such a one needs no dictionary, has a checksum, and says that it decodes to at most a block.
    """
    if not data.startswith(_MAGIC):  # an exception costs more
        return None
    zstandard = library()
    try:
        found = zstandard.get_frame_parameters(data)
        header_bytes = zstandard.frame_header_size(data)
    except zstandard.ZstdError:
        return None
    if found.dict_id or not found.has_checksum or not 0 < found.content_size <= BLOCK_BYTES:
        return None
    return FrameHeader(found.content_size, header_bytes)


class Compressor:
    """Makes blocks; one for each thread."""

    def __init__(self) -> None:
        self._compressor = library().ZstdCompressor(level=_LEVEL, write_checksum=True)

    def compress(self, data: memoryview) -> bytes:
        """Return the data as one frame with its size and a checksum; other threads run meanwhile."""
        frame: bytes = self._compressor.compress(data)
        return frame


class Decompressor:
    """Decodes blocks; one for each thread."""

    def __init__(self) -> None:
        self._error = library().ZstdError
        self._decompressor = library().ZstdDecompressor(max_window_size=BLOCK_BYTES)

    def decompress(self, data: bytes, size: int) -> bytes | None:
        """Return the `size` bytes that exactly one frame decodes to; None where it is damaged."""
        header = parse_frame_header(data)
        if header is None or header.content_bytes != size:
            return None
        try:
            plain: bytes = self._decompressor.decompress(data, max_output_size=size, allow_extra_data=False)
        except self._error:
            return None
        return plain if len(plain) == size else None
