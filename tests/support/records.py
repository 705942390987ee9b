"""Records, and small runs of them written by the real writer."""

from itertools import chain
from pathlib import Path

from pm_data.bundle.format import IDX_ENTRY
from pm_data.bundle.layout import RunDir, create_run_dir
from pm_data.bundle.manifest import CLOSED, Manifest, Totals, write_manifest
from pm_data.bundle.writer import ShardWriter
from pm_data.frame import Control, Kind, Record, control_flags, control_payload

TOKENS = ["11", "22"]


def text(shard, seq, mono_ns, payload=b"{}", conn=1):
    """Return a text frame."""
    return Record(shard, seq, int(Kind.TEXT), 0, 0, conn, mono_ns, 10**18 + mono_ns, payload)


def control(shard, seq, mono_ns, kind, conn=0, **fields):
    """Return a control record."""
    stamps = (mono_ns, 10**18 + mono_ns)
    return Record(
        shard, seq, int(Kind.CONTROL), int(kind), control_flags(kind), conn, *stamps, control_payload(fields)
    )


def shard_records(shard, frames, first_ns=1000, step_ns=10):
    """Return a shard's stream: universe, subscription, `frames` text frames of 4 to 40 bytes, end."""
    records = [
        control(shard, 0, first_ns, Control.UNIVERSE, markets=[], removed=[]),
        control(shard, 1, first_ns, Control.SUBSCRIBED, 1, tokens=TOKENS, reason="initial"),
    ]
    for number in range(frames):
        payload = (b'{"n":%d,"pad":"%s"}' % (number, b"x" * (number * 7 % 20)))[:40]
        records.append(text(shard, len(records), first_ns + (number + 1) * step_ns + shard % 2, payload))
    records.append(control(shard, len(records), records[-1].rx_mono_ns + 1, Control.END, reason="stop"))
    return records


def run_order(*shards):
    """Return the records of several shards in the order of a run."""
    return sorted(chain(*shards), key=lambda record: (record.rx_mono_ns, record.shard, record.seq))


def manifest(run_id, status=CLOSED, **changes):
    """Return a manifest of a run."""
    return Manifest(run_id, 10**18, status, "offline", "0.0.0", "pure", "3.11.0", "test", {}, [], **changes)


def write_run(data_dir: Path, shards, status=CLOSED, run_id="run") -> RunDir:
    """Write a run from one list of records per shard; nobody holds its lock afterwards."""
    with create_run_dir(data_dir, run_id) as run:
        seals = []
        for shard, records in enumerate(shards):
            writer = ShardWriter(run, shard)
            writer.append(records)
            writer.close()
            seals.append(writer.seal())
        if status == CLOSED:
            frames = sum(record.kind != Kind.CONTROL for records in shards for record in records)
            write_manifest(run, manifest(run_id, shards=seals, totals=Totals(frames, frames, 0)))
        else:
            write_manifest(run, manifest(run_id, status))
    return RunDir(run.path)


def read_shard(bundle, shard):
    """Return what a shard's reader yields, and the damage it reports."""
    damage = []
    records = [record for batch in bundle.reader(shard, damage.append).batches() for record in batch]
    return records, damage


def crc_of(encoded):
    """Return the checksum that stands in an encoded record."""
    return int.from_bytes(encoded[4:8], "little")


def idx_entry(record, encoded, offset):
    """Return the entry of an encoded record that begins at `offset`, field by field."""
    form = record.kind, record.control, record.flags
    length = len(record.payload)
    return IDX_ENTRY.pack(offset, record.rx_mono_ns, length, crc_of(encoded), record.conn, *form)
