"""The balance of rule A1: received = written + dropped + queued, in frames and in bytes of payload.

Each side is counted where it happens: received, dropped and waiting by the
RecordLog, in hand, written and durable by the writer. Nothing is derived from
the balance itself, so that a frame that got lost would show.
"""

from collections.abc import Iterable
from typing import NamedTuple

from pm_data._fast import intake
from pm_data.frame import Record
from pm_data.jsonlib import JsonObject


class Count(NamedTuple):
    """A number of frames and the bytes of their payloads; control records are not counted."""

    frames: int
    bytes: int

    def plus(self, other: "Count") -> "Count":
        """Return the sum."""
        return Count(self.frames + other.frames, self.bytes + other.bytes)

    def minus(self, other: "Count") -> "Count":
        """Return the difference."""
        return Count(self.frames - other.frames, self.bytes - other.bytes)


NOTHING = Count(0, 0)


def count_frames(records: Iterable[Record]) -> Count:
    """Count the frames among these records."""
    return Count(*intake.count_frames(records))


class Balance(NamedTuple):
    """One shard's accounts, or those of all, at one moment.

    Args:
        queued: waiting in the queue, or in the writer's hand.
        queued_oldest_mono_ns: stamp of the oldest frame that waits, None where none does.
    """

    received: Count = NOTHING
    written: Count = NOTHING
    dropped: Count = NOTHING
    queued: Count = NOTHING
    durable: Count = NOTHING
    queued_oldest_mono_ns: int | None = None

    def plus(self, other: "Balance") -> "Balance":
        """Return the sum over two shards."""
        stamps = (self.queued_oldest_mono_ns, other.queued_oldest_mono_ns)
        return Balance(
            self.received.plus(other.received),
            self.written.plus(other.written),
            self.dropped.plus(other.dropped),
            self.queued.plus(other.queued),
            self.durable.plus(other.durable),
            min((stamp for stamp in stamps if stamp is not None), default=None),
        )

    def fields(self, now_mono_ns: int) -> JsonObject:
        """Return the fields of a heartbeat: frames by the plain name, bytes beside them."""
        oldest = self.queued_oldest_mono_ns
        return {
            "received": self.received.frames,
            "written": self.written.frames,
            "dropped": self.dropped.frames,
            "queued": self.queued.frames,
            "received_bytes": self.received.bytes,
            "written_bytes": self.written.bytes,
            "dropped_bytes": self.dropped.bytes,
            "queued_bytes": self.queued.bytes,
            "durable_frames": self.durable.frames,
            "durable_bytes": self.durable.bytes,
            "queued_oldest_ms": 0 if oldest is None else max(now_mono_ns - oldest, 0) // 1_000_000,
        }


def total(balances: Iterable[Balance]) -> Balance:
    """Return the sum over shards."""
    result = Balance()
    for balance in balances:
        result = result.plus(balance)
    return result
