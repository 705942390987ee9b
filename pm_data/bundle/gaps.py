"""What a replay meets where records of a shard were lost: a gap for all its tokens."""

from collections.abc import Iterator
from operator import itemgetter

from pm_data.bundle.damage import Damage
from pm_data.bundle.reader import ShardReader
from pm_data.frame import (
    CAUSE_INTERRUPTED,
    CAUSE_SALVAGE,
    FLAG_MARKED,
    Control,
    Kind,
    Record,
    control_fields,
    control_flags,
    control_payload,
)

_ADDING = (Control.SUBSCRIBED, Control.HANDOVER)
_control = itemgetter(Record._fields.index("control"))


class StandIn(Record):
    """A GAP record that takes the place of records that were lost; no file holds it."""

    __slots__ = ()


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

    def gap_after(self, last: Record, cause: str) -> StandIn:
        """Return the GAP record that follows a shard's last record before the loss."""
        fields = {
            "cause": cause,
            "tokens": list(self._tokens),
            "frames": 0,
            "bytes": 0,
            "first_mono_ns": None,
            "last_mono_ns": None,
        }
        return StandIn(
            *last._replace(
                seq=last.seq + 1,
                kind=int(Kind.CONTROL),
                control=int(Control.GAP),
                flags=control_flags(Control.GAP) | FLAG_MARKED,
                conn=0,
                payload=control_payload(fields),
            )
        )


def batches_with_gaps(
    reader: ShardReader,
    skipped: list[Damage],
    tokens: ShardTokens,
    last: Record | None,
    *,
    ends_with_gap: bool,
) -> Iterator[list[Record]]:
    """Yield a shard's records, and a gap wherever some were lost after one that can be read.

    Args:
        skipped: damage that the reader met; emptied where a gap takes its place.
        tokens: has followed the records before those that `reader` reads.
        last: the one before; None where it reads from the start.
        ends_with_gap: whether a shard without an END record ends with a gap, as it was interrupted.
    """
    for batch in reader.batches():
        if skipped and last is not None:
            yield [tokens.gap_after(last, CAUSE_SALVAGE)]
        skipped.clear()
        for record in filter(_control, batch):
            tokens.note(record)
        last = batch[-1]
        yield batch
    if last is None:
        return
    if skipped:
        yield [tokens.gap_after(last, CAUSE_SALVAGE)]
    if ends_with_gap and last.control != Control.END:
        yield [tokens.gap_after(last, CAUSE_INTERRUPTED)]
