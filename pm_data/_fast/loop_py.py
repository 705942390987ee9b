"""The loop of a run: records to events, events to strategies."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from pm_data._fast.lines_py import Lines
from pm_data._fast.orders_py import Desk, Gate, Rounds
from pm_data.frame import Record


class Moment:
    """Which event is being processed: its number, 0 before the first, and its receive stamp, None then."""

    def __init__(self) -> None:
        self.seq = 0
        self.ts_recv: int | None = None


class Stream(Protocol):
    """What turns records into events."""

    store: Any
    seq: int
    frames: int

    def process(self, record: Record) -> list[Any]:
        """Return a record's events."""

    def finish(self, last_ns: int) -> list[Any]:
        """Return the events of the stream's end, which stand at the last record's stamp."""


class Listener(NamedTuple):
    """A strategy's callback for tops of book, and what it is called with beside the event and the market."""

    name: str
    callback: Callable[..., Any]
    context: Any
    portfolio: Any


class Tops(NamedTuple):
    """How a top of book is delivered, and a trade that no strategy listens to.

    Args:
        listeners: in the order in which they are called.
        are_trades_heard: whether any strategy listens to trades, which the engine delivers then.
        lines: follows the events; None for nobody.
        desk: is told of each top before the listeners are.
        gate: says which intents of a list pass.
        check: says it of any other answer.
        rounds: executes those of one event.
        answer: lets the strategies answer the fills of that; None where none would.
        blame: name, callback, number of the event and what was raised to the exception that ends the run.
        timers: `next_ns` is the first stamp for which the engine itself must deliver an event.
    """

    listeners: list[Listener]
    are_trades_heard: bool
    lines: Lines | None
    desk: Desk
    gate: Gate
    check: Callable[[str, Any], list[Any]]
    rounds: Rounds
    answer: Callable[[list[Any], int], None] | None
    blame: Callable[[str, Callable[..., Any], int, Exception], BaseException]
    timers: Any


class Loop:
    """Carries records to the end of what they bring about, one after another.

    Args:
        stream: turns records into events.
        deliver: takes an event of any kind.
        moment: is set for each event before `deliver` is called.
        tops: a way to deliver tops of book that a core may take instead of `deliver`; None for no such way.
        after_frame: is told the stamp of each frame when its events were delivered.
    """

    def __init__(
        self,
        stream: Stream,
        deliver: Callable[[Any], None],
        moment: Moment,
        tops: Tops | None = None,
        after_frame: Callable[[int], None] | None = None,
    ) -> None:
        self.delivered = 0
        """Events so far."""
        self._stream = stream
        self._deliver = deliver
        self._moment = moment
        self._after_frame = after_frame

    def run(self, records: Iterable[Record], max_events: int | None, max_ns: int | None) -> None:
        """Process records until they end or as much as is allowed.

        Args:
            max_events: end when so many were delivered in all.
            max_ns: take no record whose stamp is this much or more after the first one's.
        """
        process = self._stream.process
        last_ns = 0
        for record in records if max_ns is None else _within(records, max_ns):
            if not self._hand_over(process(record), max_events):
                return
            if self._after_frame is not None and not record.control:
                self._after_frame(record.rx_mono_ns)
            last_ns = record.rx_mono_ns
        self._hand_over(self._stream.finish(last_ns), max_events)

    def _hand_over(self, events: Iterable[Any], max_events: int | None) -> bool:
        """Deliver a record's events; return whether the run goes on."""
        deliver, moment = self._deliver, self._moment
        for event in events:
            self.delivered += 1
            moment.seq, moment.ts_recv = event.seq, event.ts_recv
            deliver(event)
            if self.delivered == max_events:
                return False
        return True


def _within(records: Iterable[Record], max_ns: int) -> Iterator[Record]:
    end_ns = None
    for record in records:
        if end_ns is None:
            end_ns = record.rx_mono_ns + max_ns
        if record.rx_mono_ns >= end_ns:
            return
        yield record
