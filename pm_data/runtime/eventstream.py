"""Records in, numbered canonical events out: the same for every source of records."""

from collections.abc import Callable, Iterable, Iterator

from pm_data import _fast
from pm_data._fast import events, store
from pm_data.frame import Control, Record
from pm_data.runtime.latency import StageClock
from pm_data.runtime.markets import Markets
from pm_data.state.controls import Controls


class EventStream:
    """Turn records into events, in the order in which they are given.

    Args:
        core: the set of twins to use; the one in force unless a test compares both.
        stages: told how long decoding and applying take; None for nobody.
        book_checks: as `StateStore`.
    """

    def __init__(
        self,
        core: _fast.Core | None = None,
        stages: StageClock | None = None,
        book_checks: str = "off",
    ) -> None:
        self.store: store.StateStore = (core or _fast).store.StateStore(book_checks)
        self.markets = Markets()
        self._controls = Controls(self.store)
        self.seq = 0
        """The number of the last event handed out."""
        self.frames = 0
        self._apply_frame = self.store.frame if stages is None else self._timed_frame(stages)
        self.skipped_controls = 0

    def process(self, record: Record) -> list[events.Event]:
        """Return the record's events.

        Raises:
            UsageError, DamageError: as `Controls.apply` and `Markets.apply`.
        """
        if record.control:
            if record.control == Control.UNIVERSE:
                self.markets.apply(record)
            found = self._controls.apply(record, self.seq)
            if found is None:
                self.skipped_controls += 1
                return []
        else:
            self.frames += 1
            found = self._apply_frame(record.payload, record.conn, record.rx_mono_ns, self.seq)
        self.seq += len(found)
        return found

    def replay(self, records: Iterable[Record]) -> Iterator[events.Event]:
        """Yield the events of a whole stream of records.

        Raises:
            UsageError, DamageError: as `process`.
        """
        last_ns = 0
        for record in records:
            yield from self.process(record)
            last_ns = record.rx_mono_ns
        yield from self.finish(last_ns)

    def finish(self, last_ns: int) -> list[events.Event]:
        """Return the events of the stream's end, which are verdicts of book checks only.

        Args:
            last_ns: the last record's stamp.
        """
        found = self.store.finish(last_ns, self.seq)
        self.seq += len(found)
        return found

    def _timed_frame(self, stages: StageClock) -> Callable[[bytes, int, int, int], list[events.Event]]:
        decode = stages.timed("normalize", self.store.decode)
        apply = stages.timed("state", self.store.apply)

        def frame(payload: bytes, conn: int, ts_recv: int, seq: int) -> list[events.Event]:
            stages.begin(ts_recv)
            decode(payload)
            found: list[events.Event] = apply(conn, ts_recv, seq)
            return found

        return frame
