"""Records in, numbered canonical events out: the same for every source of records."""

from pm_data import _fast
from pm_data._fast import events, store
from pm_data.frame import Kind, Record
from pm_data.runtime.controls import Controls


class EventStream:
    """Turn records into events, in the order in which they are given.

    Args:
        core: the set of twins to use; the one in force unless a test compares both.
    """

    def __init__(self, core: _fast.Core | None = None) -> None:
        self.store: store.StateStore = (core or _fast).store.StateStore()
        self._controls = Controls(self.store)
        self.seq = 0
        """The number of the last event handed out."""
        self.frames = 0
        self.skipped_controls = 0

    def process(self, record: Record) -> list[events.Event]:
        """Return the record's events.

        Raises:
            UsageError, DamageError: as `Controls.apply`.
        """
        if record.kind == Kind.CONTROL:
            found = self._controls.apply(record, self.seq)
            if found is None:
                self.skipped_controls += 1
                return []
        else:
            self.frames += 1
            found = self.store.frame(record.payload, record.conn, record.rx_mono_ns, self.seq)
        self.seq += len(found)
        return found
