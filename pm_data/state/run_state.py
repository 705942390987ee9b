"""Everything that a replay knows after some records: books, owners, open connections, markets."""

from dataclasses import dataclass

from pm_data import _fast
from pm_data._fast import store
from pm_data.frame import Control, Kind, Record, control_fields, control_payload
from pm_data.state.controls import Controls, control_tokens
from pm_data.state.universe import Universe


@dataclass
class Connection:
    """A connection that is open.

    Args:
        opened: payload of the record that says so; None where there was none.
    """

    shard: int
    opened: bytes | None = None


class RunState:
    """Follows the records of a run, in order.

    Args:
        core: the set of twins to use; the one in force unless a test compares both.
        book_checks: as `StateStore`.
    """

    def __init__(self, core: _fast.Core | None = None, book_checks: str = "off") -> None:
        self.store: store.StateStore = (core or _fast).store.StateStore(book_checks)
        self.connections: dict[int, Connection] = {}
        self.universes: dict[int, Universe] = {}
        """Of each shard that had a record, by shard number."""
        self._controls = Controls(self.store)
        self._shard_of_token: dict[str, int] = {}
        self._seq = 0

    def apply(self, record: Record) -> None:
        """Take a record into account.

        Raises:
            UsageError, DamageError: as `Controls.apply` and `Universe.apply`.
        """
        shard = record.shard
        if shard not in self.universes:
            self.universes[shard] = Universe()
        if record.kind == Kind.CONTROL:
            events = self._controls.apply(record, self._seq) or []
            self._note_control(record)
        else:
            events = self.store.frame(record.payload, record.conn, record.rx_mono_ns, self._seq)
            for event in events:
                self._shard_of_token[event.market_id] = shard
        self._seq += len(events)

    def explicit(self, record: Record) -> Record:
        """Return a gap record that touches the unowned with these named, and any other as it is.

        Which tokens those are, and in what order, only the whole run up to here tells.
        """
        if record.control != Control.GAP:
            return record
        tokens = self._controls.gap_tokens(record)
        fields = control_fields(record)
        if fields["tokens"] == tokens:
            return record
        return record._replace(payload=control_payload(fields | {"tokens": tokens}))

    def shard_of(self, market: store.MarketState) -> int:
        """Return the shard that brings a token: its owner's, else where it was last seen, else the first."""
        if market.connection:
            return self.connections[market.connection].shard
        return self._shard_of_token.get(market.market_id, min(self.universes))

    def _note_control(self, record: Record) -> None:
        control, conn, shard = record.control, record.conn, record.shard
        if control == Control.UNIVERSE:
            self.universes[shard].apply(record)
        elif control == Control.OPENED:
            self.connections[conn] = Connection(shard, record.payload)
        elif control in (Control.SUBSCRIBED, Control.HANDOVER):
            self.connections.setdefault(conn, Connection(shard))
            self._shard_of_token |= dict.fromkeys(control_tokens(record), shard)
        elif control == Control.CLOSED:
            self.connections.pop(conn, None)
