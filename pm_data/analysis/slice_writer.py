"""Write the shards of a slice, some records at a time."""

from contextlib import ExitStack

from pm_data.bundle.format import MAX_PAYLOAD
from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import ShardSeal, Totals
from pm_data.bundle.writer import ShardWriter
from pm_data.errors import DamageError
from pm_data.frame import FLAG_MARKED, Control, Kind, Record, control_fields, control_flags, control_payload
from pm_data.jsonlib import JsonObject

_BATCH_BYTES = 1024 * 1024
_RECORD_BYTES = 200
"""About what a record takes in memory beside its payload."""


class _Shard:
    def __init__(self, file: ShardWriter) -> None:
        self.file = file
        self.next_seq = 0
        self.last_control = 0
        self.batch: list[Record] = []

    def flush(self) -> None:
        if self.batch:
            self.file.append(self.batch)
            self.batch = []


class SliceWriter:
    """Takes records in the order of the run and numbers them anew in each shard."""

    def __init__(self, run: RunDir, shards: list[int], closing: ExitStack) -> None:
        """Make the shards' files; `closing` closes them.

        Raises:
            OSError: a file cannot be made.
        """
        self._shards: dict[int, _Shard] = {}
        for shard in shards:
            file = ShardWriter(run, shard)
            closing.callback(file.close)
            self._shards[shard] = _Shard(file)
        self._waiting_bytes = 0
        self._frames = 0
        self._dropped = 0
        self._last: Record | None = None

    def add(self, record: Record) -> None:
        """Append a record of the parent."""
        if record.kind != Kind.CONTROL:
            self._frames += not record.flags & FLAG_MARKED
        elif record.control == Control.GAP:
            self._dropped += _dropped_frames(record)
        self._append(record)

    def add_made(self, record: Record) -> None:
        """Append a record that stands in no parent.

        Raises:
            DamageError: it would not fit the format.
        """
        if len(record.payload) > MAX_PAYLOAD or not -(2**63) <= record.rx_mono_ns < 2**63:
            raise DamageError(f"shard {record.shard}: what is known at the cut does not fit a record")
        self._append(record)

    def finish(self) -> tuple[list[ShardSeal], Totals]:
        """End each shard that its parent does not end in the range; return what the manifest says."""
        assert self._last is not None
        for number, shard in self._shards.items():
            if not shard.next_seq:
                self._mark(number, Control.UNIVERSE, {"markets": [], "removed": []})
            if shard.last_control != Control.END:
                self._mark(number, Control.END, {"reason": "slice"})
        self._flush()
        totals = Totals(self._frames + self._dropped, self._frames, self._dropped)
        return [shard.file.seal() for shard in self._shards.values()], totals

    def _mark(self, shard: int, control: Control, fields: JsonObject) -> None:
        assert self._last is not None
        flags = control_flags(control) | FLAG_MARKED
        stamp, wall = self._last.rx_mono_ns + 1, self._last.rx_wall_ns_utc
        payload = control_payload(fields)
        self.add_made(Record(shard, 0, Kind.CONTROL, control, flags, 0, stamp, wall, payload))

    def _append(self, record: Record) -> None:
        shard = self._shards[record.shard]
        if record.seq != shard.next_seq:
            record = record._replace(seq=shard.next_seq)
        shard.next_seq += 1
        shard.last_control = record.control
        shard.batch.append(record)
        self._last = record
        self._waiting_bytes += len(record.payload) + _RECORD_BYTES
        if self._waiting_bytes >= _BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        for shard in self._shards.values():
            shard.flush()
        self._waiting_bytes = 0


def _dropped_frames(record: Record) -> int:
    fields = control_fields(record)
    frames = fields.get("frames")
    return frames if fields.get("cause") == "drop" and type(frames) is int and 0 <= frames < 2**32 else 0
