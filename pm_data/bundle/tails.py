"""What a replay sees where a crash tore the end off a shard: a gap for all its tokens."""

from pm_data.bundle.damage import Damage
from pm_data.bundle.reader import ShardReader
from pm_data.frame import (
    FLAG_MARKED,
    Control,
    Kind,
    Record,
    control_fields,
    control_flags,
    control_payload,
)
from pm_data.jsonlib import JsonObject

_ADDING = (Control.SUBSCRIBED, Control.HANDOVER)


class ShardTokens:
    """Follows which tokens a shard brings data for, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._tokens: dict[str, None] = {}

    def note(self, record: Record) -> None:
        """Take a control record into account; one that cannot be understood says nothing here."""
        if record.control not in _ADDING and record.control != Control.UNSUBSCRIBED:
            return
        try:
            named = control_fields(record).get("tokens")
        except ValueError:
            return
        for token in named if isinstance(named, list) else []:
            if not isinstance(token, str):
                continue
            if record.control in _ADDING:
                self._tokens[token] = None
            else:
                self._tokens.pop(token, None)

    def gap_after(self, reader: ShardReader, tail: Damage) -> Record:
        """Return the GAP record that follows a torn shard's last record; it was never written."""
        fields: JsonObject = {
            "cause": tail.damage_class.value,
            "tokens": list(self._tokens),
            "frames": 0,
            "bytes": tail.byte_end - tail.byte_start,
            "first_mono_ns": None,
            "last_mono_ns": None,
        }
        assert reader.shard is not None
        return Record(
            shard=reader.shard,
            seq=reader.next_seq,
            kind=Kind.CONTROL,
            control=Control.GAP,
            flags=control_flags(Control.GAP) | FLAG_MARKED,
            conn=0,
            rx_mono_ns=reader.last_mono_ns,
            rx_wall_ns_utc=reader.last_wall_ns_utc,
            payload=control_payload(fields),
        )
