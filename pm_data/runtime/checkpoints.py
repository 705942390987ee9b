"""Chained checkpoints: digests of all lines so far, so that two runs can be compared without their lines."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from pm_data._fast import events
from pm_data.runtime.eventlines import event_line
from pm_data.strategy import Fill

_NEVER = 2**63 - 1

LineSink = Callable[[int, str, str], None]
"""Takes the seq, the stream (`events`, `intents` or `fills`) and the line, in the order of the run."""


class Checkpoint(NamedTuple):
    """SHA-256, in hex, of all lines of each stream up to and including those of event `seq`."""

    seq: int
    events: str
    intents: str
    fills: str


class Trail:
    """Follows the lines of a run.

    Args:
        every_events: events from one checkpoint to the next; None for the last one only.
        on_checkpoint: takes each; None for nobody.
        on_line: takes each line; None for nobody.
    """

    def __init__(
        self,
        every_events: int | None = None,
        on_checkpoint: Callable[[Checkpoint], object] | None = None,
        on_line: LineSink | None = None,
    ) -> None:
        self._events, self._intents, self._fills = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
        self._every_events = every_events
        self._boundary = _NEVER if every_events is None else every_events
        self._on_checkpoint = on_checkpoint
        self._on_line = on_line

    def event(self, event: events.Event) -> None:
        """Take an event."""
        if event.seq > self._boundary:
            self._mark()
        line = event_line(event)
        self._events.update(line.encode("utf-8"))
        if self._on_line is not None:
            self._on_line(event.seq, "events", line)

    def intent(self, seq: int, line: str) -> None:
        """Take the line of an intent that passed."""
        # A timer's intents come before the event that they carry the number of.
        if seq > self._boundary:
            self._mark()
        self._intents.update(line.encode("utf-8"))
        if self._on_line is not None:
            self._on_line(seq, "intents", line)

    def fill(self, fill: Fill) -> None:
        """Take a fill; its intent was taken before it."""
        line = fill_line(fill)
        self._fills.update(line.encode("utf-8"))
        if self._on_line is not None:
            self._on_line(fill.seq, "fills", line)

    def end(self, seq: int) -> Checkpoint:
        """Return the last checkpoint, of a run that ended with this event."""
        last = self._checkpoint(seq)
        if self._on_checkpoint is not None:
            self._on_checkpoint(last)
        return last

    def _mark(self) -> None:
        if self._on_checkpoint is not None:
            self._on_checkpoint(self._checkpoint(self._boundary))
        assert self._every_events is not None
        self._boundary += self._every_events

    def _checkpoint(self, seq: int) -> Checkpoint:
        return Checkpoint(seq, self._events.hexdigest(), self._intents.hexdigest(), self._fills.hexdigest())


def fill_line(fill: Fill) -> str:
    """Return a fill's line, ended by LF: `seq|strategy_id|market_id|side|price_e6|size_e6|fee_e6|tag`."""
    return (
        f"{fill.seq}|{fill.strategy_id}|{fill.market_id}|{fill.side}|"
        f"{fill.price_e6}|{fill.size_e6}|{fill.fee_e6}|{fill.tag}\n"
    )
