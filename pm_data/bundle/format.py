"""The numbers of the bundle format, version 0. docs/bundle-format.md is its text."""

import struct
from typing import NamedTuple

from pm_data._fast import records
from pm_data.frame import FLAG_MARKED, FLAG_MUST_UNDERSTAND, Record

FORMAT_VERSION = 0

MAGIC = b"\xf7PMR"
"""Opens every record. 0xF7 occurs in no UTF-8 text, so no text payload holds it."""

HEADER = struct.Struct("<4sIIBBBBQqqII")
"""magic, crc32, length, version, kind, control, flags, seq, rx_mono_ns, rx_wall_ns_utc, conn, shard."""
HEADER_SIZE = HEADER.size
CRC_FROM = 8
"""The checksum covers the record from this offset to its last payload byte."""

MAX_PAYLOAD = 64 * 1024 * 1024
"""Largest payload in bytes: the largest WebSocket message that the client accepts."""

MAX_SEQ = 2**63 - 1
"""Largest number of a record that is looked for where some are missing; so all sums stay within 64 bits."""

IDX_ENTRY = struct.Struct("<QqIIIBBBx")
"""offset, rx_mono_ns, length, crc32, conn, kind, control, flags, one zero byte."""
IDX_ENTRY_SIZE = IDX_ENTRY.size

KNOWN_FLAGS = FLAG_MUST_UNDERSTAND | FLAG_MARKED
"""The bits that a record's flags may have."""

SCANNER = records.RecordScanner(HEADER, IDX_ENTRY, MAGIC, CRC_FROM, MAX_PAYLOAD, FORMAT_VERSION, KNOWN_FLAGS)
"""Reads records of this format; it keeps nothing between two scans."""

ENCODER = records.RecordEncoder(HEADER, IDX_ENTRY, MAGIC, CRC_FROM, MAX_PAYLOAD, FORMAT_VERSION)
"""Makes records of this format, and their index entries."""


class Header(NamedTuple):
    """A record's header, as read and not yet believed; `docs/bundle-format.md` says what each field is."""

    magic: bytes
    crc: int
    length: int
    version: int
    kind: int
    control: int
    flags: int
    seq: int
    rx_mono_ns: int
    rx_wall_ns_utc: int
    conn: int
    shard: int


def encode_record(record: Record) -> bytes:
    """Return the record's bytes in a `.frames` file.

    Raises:
        ValueError: the payload is longer than `MAX_PAYLOAD`.
    """
    return ENCODER.encode([record], record.shard, record.seq, 0)[0]


def frames_name(shard: int) -> str:
    """Return the name of a shard's records file under `capture/`."""
    return f"shard_{shard:02d}.frames"


def idx_name(shard: int) -> str:
    """Return the name of a shard's index file under `capture/`."""
    return f"shard_{shard:02d}.idx"
