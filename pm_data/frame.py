"""The record: one received frame, or one thing that happened to a connection.

Everything that can change a result is a record. Capture writes records, the
runtime turns them into events, and neither sees anything else.
"""

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from pm_data import jsonlib
from pm_data.jsonlib import JsonObject


class Kind(IntEnum):
    """What a record's payload is."""

    TEXT = 1
    BINARY = 2
    CONTROL = 3


class Control(IntEnum):
    """The control record types; docs/bundle-format.md lists their payloads."""

    UNIVERSE = 1
    OPENED = 2
    SUBSCRIBED = 3
    UNSUBSCRIBED = 4
    CLOSED = 5
    GAP = 6
    HANDOVER = 7
    END = 8
    CARRIED = 9
    WITNESS = 10
    MISSING = 11


CAUSE_INTERRUPTED = "interrupted"
"""Cause of a GAP record that a reader puts after the last record of a shard that was not ended."""
CAUSE_SALVAGE = "salvage"
"""Cause of a GAP record that a reader puts in the place of damage."""

FLAG_MUST_UNDERSTAND = 1
"""A reader that does not know this control type must refuse the bundle."""
FLAG_MARKED = 2
"""Not received here: carried over from before a cut, for a slice or a rotation."""

MUST_UNDERSTAND = frozenset(
    {
        Control.UNIVERSE,
        Control.SUBSCRIBED,
        Control.UNSUBSCRIBED,
        Control.CLOSED,
        Control.GAP,
        Control.HANDOVER,
        Control.CARRIED,
    }
)
"""Control types that can change a replay's result."""


class Record(NamedTuple):
    """One entry of a shard's stream.

    Args:
        shard: shard number, from 0.
        seq: position in the shard, from 0 without gaps (the merge's `idx_i`).
        kind: a `Kind`.
        control: a `Control`, or 0 for a frame.
        flags: `FLAG_*` bits.
        conn: connection number, unique in the run, from 1; 0 where none is meant.
        rx_mono_ns: monotonic receive stamp, strictly increasing over all shards of a live run.
        rx_wall_ns_utc: wall clock at the same moment, ns since 1970 UTC.
        payload: the bytes as received, or canonical JSON for a control record.
    """

    shard: int
    seq: int
    kind: int
    control: int
    flags: int
    conn: int
    rx_mono_ns: int
    rx_wall_ns_utc: int
    payload: bytes


def control_payload(fields: JsonObject) -> bytes:
    """Return a control record's payload: canonical JSON."""
    return jsonlib.canonical(fields)


def control_fields(record: Record) -> JsonObject:
    """Return a control record's payload as an object, which nobody may change: the next reader gets it too.

    Raises:
        ValueError: the payload is not a JSON object.
    """
    return _read_fields(record.payload)


# Several in a row read the same record, and a universe record is long.
@lru_cache(maxsize=1)
def _read_fields(payload: bytes) -> JsonObject:
    return jsonlib.loads_object(payload)


def control_flags(control: Control) -> int:
    """Return the flags that a control record of this type is written with."""
    return FLAG_MUST_UNDERSTAND if control in MUST_UNDERSTAND else 0
