"""What a fuzzer feeds to both cores: bytes as frames, and bytes as a shard's records."""

import random
import zlib

from support.frames import A, B, encode
from support.parity import difference
from support.records import shard_records
from support.samples import opening_book, sample_frames

from pm_data._fast.decode_py import GeneralDecoder
from pm_data.bundle import format as layout

BETWEEN_FRAMES = b"\x1e"
OPENING = encode([opening_book(A), opening_book(B)])


def frames_difference(cores, data):
    """Return how the cores, or the general decoder and a core's, differ over frames, or None.

    The frames come after one that opens both books; `\\x1e` stands between them.
    """
    frames = data.split(BETWEEN_FRAMES)
    decoders = [core.decode.Decoder() for core in cores] + [GeneralDecoder()]
    for frame in frames:
        first, *others = (decoder.decode(frame) for decoder in decoders)
        if any(other != first for other in others):
            return f"{frame}: {first} or {others}"
    return difference(cores, [("frame", OPENING, 1), *(("frame", frame, 1) for frame in frames)])


def frames_seeds():
    """Return inputs to begin with."""
    samples = sample_frames()
    return [*samples, BETWEEN_FRAMES.join(samples[:6]), BETWEEN_FRAMES.join(samples[-12:])]


def records_difference(cores, data):
    """Return how the cores differ over a shard's bytes, as they are and with right checksums, or None."""
    for shard in (data, _with_checksums(data)):
        first, second = (_scanned(core, shard) for core in cores)
        if first != second:
            return f"{shard}: {first} or {second}"
    return None


def records_seeds():
    """Return inputs to begin with."""
    whole = b"".join(map(layout.encode_record, shard_records(0, 5)))
    return [whole, whole[:-3], whole[layout.HEADER_SIZE :], b"", bytes(100)]


def _scanned(core, data):
    """Return what every call of a core's scanner says of these bytes."""
    scanner = core.records.RecordScanner(
        layout.HEADER,
        layout.IDX_ENTRY,
        layout.MAGIC,
        layout.CRC_FROM,
        layout.MAX_PAYLOAD,
        layout.FORMAT_VERSION,
        layout.KNOWN_FLAGS,
    )
    found = []
    buffer = bytearray(data)
    for start in (0, min(len(data), layout.HEADER_SIZE)):
        for shard, seq in ((0, 0), (0, 1), (-1, 0)):
            window = (buffer, start, len(buffer), shard, seq, 0)
            found.append(scanner.scan(*window))
            entries = bytearray(3 * layout.IDX_ENTRY.size)
            found.append((scanner.index(*window, 7, entries), entries))
    digest = core.records.Sha256()
    digest.update(buffer)
    return found, digest.hexdigest(), core.records.crc32(buffer)


def _with_checksums(data):
    """Return bytes in which every record has the checksum that it should, else few would be taken."""
    fixed = bytearray(data)
    at = fixed.find(layout.MAGIC)
    while at >= 0:
        head = layout.HEADER_SIZE
        if at + head <= len(fixed):
            length = layout.HEADER.unpack_from(fixed, at)[2]
            stop = at + head + length
            if stop <= len(fixed):
                checksum = zlib.crc32(fixed[at + layout.CRC_FROM : stop])
                fixed[at + 4 : at + 8] = checksum.to_bytes(4, "little")
        at = fixed.find(layout.MAGIC, at + 1)
    return bytes(fixed)


def random_shard(generator: random.Random) -> bytes:
    """Return a seed with a few bytes changed."""
    data = bytearray(generator.choice(records_seeds()))
    for _ in range(generator.randrange(4)):
        if data:
            data[generator.randrange(len(data))] = generator.choice([0, 1, 3, 127, 255])
    return bytes(data)


TARGETS = {"frames": (frames_difference, frames_seeds), "records": (records_difference, records_seeds)}
