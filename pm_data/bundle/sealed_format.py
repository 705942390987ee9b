"""The numbers of sealed shards: frames of Zstandard and a seek table. docs/bundle-format.md is their text.

The layout is the published seekable format of Zstandard, so that its own tools read these files too.
"""

import struct
from array import array

from pm_data.bundle.format import frames_name

SUFFIX = ".zst"
"""Follows the name of a `.frames` file in that of its sealed form."""

BLOCK_BYTES = 128 * 1024
"""Bytes of the `.frames` file in each block but the last, which has the rest."""

MAX_STORED_BYTES = BLOCK_BYTES + 1024
"""Most bytes of a block in the sealed file: what cannot be compressed, and its frame."""

MAX_BLOCKS = 2**22
"""Most blocks of a bundle: half a terabyte of records; so the places of all fit into 64 MiB."""

MAX_RATIO = 64
"""Most bytes of records for each byte of a sealed file; more are no records, but a trap for readers."""

MAX_FRAME_HEADER_BYTES = 18
BLOCK_HEADER_BYTES = 3
CHECKSUM_BYTES = 4
RLE_BLOCK = 1
"""What the format of Zstandard says: a block of this type stores one byte, whatever its size says."""

SKIPPABLE = struct.Struct("<II")
"""magic, bytes that follow."""
SKIPPABLE_MAGIC = 0x184D2A5E
ENTRY = struct.Struct("<II")
"""Bytes of a block in the sealed file, bytes that it decodes to."""
FOOTER = struct.Struct("<IBI")
"""Number of blocks, descriptor, magic."""
DESCRIPTOR = 0
FOOTER_MAGIC = 0x8F92EAB1


def sealed_name(shard: int) -> str:
    """Return the name of a sealed shard under `capture/`."""
    return frames_name(shard) + SUFFIX


def encode_seek_table(stored: "array[int]", plain_bytes: int) -> bytes:
    """Return the seek table of blocks that take these many bytes each and decode to `plain_bytes`."""
    parts = [SKIPPABLE.pack(SKIPPABLE_MAGIC, len(stored) * ENTRY.size + FOOTER.size)]
    for number, size in enumerate(stored):
        parts.append(ENTRY.pack(size, min(BLOCK_BYTES, plain_bytes - number * BLOCK_BYTES)))
    parts.append(FOOTER.pack(len(stored), DESCRIPTOR, FOOTER_MAGIC))
    return b"".join(parts)


def seek_table_bytes(blocks: int) -> int:
    """Return how long the seek table of so many blocks is."""
    return SKIPPABLE.size + blocks * ENTRY.size + FOOTER.size
