"""Apply control records to the StateStore: who owns which token, and where continuity was lost."""

from typing import Any

from pm_data._fast import events, store
from pm_data.errors import DamageError, UsageError
from pm_data.frame import (
    CAUSE_SALVAGE,
    FLAG_MARKED,
    FLAG_MUST_UNDERSTAND,
    Control,
    Record,
    control_fields,
)
from pm_data.state.carried import carried_state
from pm_data.state.universe import stated_facts

_NO_EFFECT = frozenset({Control.OPENED, Control.END, Control.WITNESS, Control.MISSING})
"""Known, and without meaning for a book: what a witness found lost is a gap record of its own."""


class Controls:
    """What the control records of one run have said so far."""

    def __init__(self, state: store.StateStore) -> None:
        self._state = state

    def apply(self, record: Record, seq: int) -> list[events.Event] | None:
        """Apply a control record and return its events, numbered from seq + 1; None where it was skipped.

        Raises:
            UsageError: the type is unknown and marked as must-understand.
            DamageError: the payload is not what its type demands.
        """
        try:
            control = Control(record.control)
        except ValueError:
            if record.flags & FLAG_MUST_UNDERSTAND:
                raise UsageError(
                    f"shard {record.shard} record {record.seq}: control type {record.control} "
                    "must be understood and is not known to this version"
                ) from None
            return None
        if control in _NO_EFFECT:
            return []
        if control is Control.UNIVERSE:
            for facts in stated_facts(record):
                self._state.learn(facts)
            return []
        if control is Control.CLOSED:
            self._state.release(record.conn)
            return []
        if control is Control.CARRIED:
            asset_id, state = carried_state(record)
            self._state.restore(asset_id, state, record.rx_mono_ns)
            return []
        if control is Control.GAP:
            return self._gap(record, seq)
        tokens = control_tokens(record)
        if control is Control.SUBSCRIBED:
            self._state.own(tokens, record.conn)
            return []
        if control is Control.HANDOVER:
            self._state.handover(tokens, record.conn)
            return []
        self._state.disown(tokens, record.conn)
        return self._state.gap(tokens, record.rx_mono_ns, seq)

    def _gap(self, record: Record, seq: int) -> list[events.Event]:
        tokens = self.gap_tokens(record)
        if not (record.flags & FLAG_MARKED and control_fields(record).get("cause") == CAUSE_SALVAGE):
            return self._state.gap(tokens, record.rx_mono_ns, seq)
        # What was skipped may have told of another connection: whichever brings the next book is believed.
        self._state.handover(tokens, 0)
        return self._state.gap(tokens, record.rx_mono_ns, seq, CAUSE_SALVAGE)

    def gap_tokens(self, record: Record) -> list[str]:
        """Return the tokens that a gap record touches.

        A marked one that lists none stands where recorded frames were lost, which come without
        subscriptions: it touches what no connection owns.

        Raises:
            DamageError: as `control_tokens`.
        """
        tokens = control_tokens(record)
        if tokens or not record.flags & FLAG_MARKED:
            return tokens
        found = ((asset_id, self._state.market(asset_id)) for asset_id in self._state.asset_ids())
        return [asset_id for asset_id, market in found if market and not market.connection]


def control_tokens(record: Record) -> list[str]:
    """Return the tokens that a control record lists.

    Raises:
        DamageError: it lists none in the form that its type demands.
    """
    try:
        tokens: Any = control_fields(record).get("tokens")
    except ValueError:
        tokens = None
    if not isinstance(tokens, list) or not all(type(token) is str for token in tokens):
        name = Control(record.control).name.lower()
        raise DamageError(f"shard {record.shard} record {record.seq}: the {name} record lists no tokens")
    return tokens
