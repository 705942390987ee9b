"""Apply control records to the StateStore: who owns which token, and where continuity was lost."""

from typing import Any

from pm_data._fast import events, store
from pm_data.errors import DamageError, UsageError
from pm_data.frame import FLAG_MARKED, FLAG_MUST_UNDERSTAND, Control, Record, control_fields

_NO_EFFECT = frozenset({Control.UNIVERSE, Control.OPENED, Control.END})
"""Known, and without meaning for a book."""


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
        if control is Control.CLOSED:
            self._state.release(record.conn)
            return []
        tokens = _tokens(record, control)
        if control is Control.SUBSCRIBED:
            self._state.own(tokens, record.conn)
            return []
        if control is Control.HANDOVER:
            self._state.handover(tokens, record.conn)
            return []
        if control is Control.UNSUBSCRIBED:
            self._state.disown(tokens, record.conn)
        elif record.flags & FLAG_MARKED and not tokens:
            tokens = self._unowned()
        return self._state.gap(tokens, record.rx_mono_ns, seq)

    def _unowned(self) -> list[str]:
        """Return the tokens that no connection owns: recorded frames come without subscriptions."""
        found = ((asset_id, self._state.market(asset_id)) for asset_id in self._state.asset_ids())
        return [asset_id for asset_id, market in found if market and not market.connection]


def _tokens(record: Record, control: Control) -> list[str]:
    try:
        tokens: Any = control_fields(record).get("tokens")
    except ValueError:
        tokens = None
    if not isinstance(tokens, list) or not all(type(token) is str for token in tokens):
        raise DamageError(
            f"shard {record.shard} record {record.seq}: the {control.name.lower()} record lists no tokens"
        )
    return tokens
