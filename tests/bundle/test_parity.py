"""Both cores read the same out of damaged shards: records, index entries, and every damage."""

import random

import pytest
from support.records import shard_records

from pm_data.bundle import format as layout
from pm_data.bundle import reader, resync
from pm_data.bundle.reader import ShardReader
from pm_data.errors import UsageError

SEED = 20261124
RECORDS = [shard_records(0, 40), shard_records(0, 3)]
WHOLE = [b"".join(map(layout.encode_record, records)) for records in RECORDS]


def mutant(generator):
    """Return a shard's bytes, torn, shifted, doubled, zeroed, flipped, or with a header field changed."""
    data = bytearray(generator.choice(WHOLE))
    for _ in range(generator.randrange(1, 5)):
        at = generator.randrange(len(data) + 1)
        size = generator.choice([1, 4, 48, 70, 300])
        action = generator.randrange(7)
        if action == 0:
            del data[at:]
        elif action == 1:
            del data[at : at + size]
        elif action == 2:
            data[at:at] = data[generator.randrange(len(data) + 1) :][:size]
        elif action == 3:
            data[at : at + size] = bytes(size)
        elif action == 4:
            data[at:at] = generator.randbytes(size)
        elif action == 5:
            data[at : at + 1] = bytes([generator.randrange(256)])
        else:
            start = data.find(layout.MAGIC, at)
            if start >= 0:
                field = start + generator.randrange(4, 48)
                data[field : field + 1] = bytes([generator.choice([0, 1, 3, 127, 255])])
    return bytes(data)


def read(core, path, monkeypatch):
    """Return everything that a core says of a shard's file."""
    scanner = core.records.RecordScanner(
        layout.HEADER,
        layout.IDX_ENTRY,
        layout.MAGIC,
        layout.CRC_FROM,
        layout.MAX_PAYLOAD,
        layout.FORMAT_VERSION,
        layout.KNOWN_FLAGS,
    )
    for module in (reader, resync):
        monkeypatch.setattr(module, "SCANNER", scanner)
    found = []
    for shard, method in ((0, "batches"), (None, "batches"), (0, "entries")):
        one = ShardReader(path, shard, found.append)
        try:
            found += getattr(one, method)()
        except UsageError as error:
            found.append(str(error))
        found.append((one.shard, one.records, one.bytes, one.next_seq, one.last_mono_ns))
    return found


@pytest.mark.parametrize("count", [1_500, pytest.param(60_000, marks=pytest.mark.long)])
def test_parity_of_damaged_shards(both_cores, tmp_path, monkeypatch, count):
    print("seed", SEED)
    generator = random.Random(SEED)
    path = tmp_path / "shard_00.frames"
    for number in range(count):
        path.write_bytes(mutant(generator))
        pure, compiled = (read(core, path, monkeypatch) for core in both_cores)
        assert pure == compiled, (SEED, number)
