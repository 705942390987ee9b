"""The lines of a run, event by event, intent by intent, fill by fill: their digests so far."""

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

from pm_data._fast.events_py import Event
from pm_data._fast.intents_py import Fill, Intent

_NEVER = 2**63 - 1

LineSink = Callable[[int, str, str], None]
"""Takes the seq, the stream (`events`, `intents` or `fills`) and the line, in the order of the run."""


class LineTexts(NamedTuple):
    """What makes the lines, each ended by LF."""

    event: Callable[[Event], str]
    intent: Callable[[int, str, Intent], str]
    fill: Callable[[Fill], str]


class Lines:
    """Follows the lines of a run.

    Args:
        texts: makes them; a core may make those of usual events, intents and fills itself.
        every_events: events from one mark to the next; None for no marks.
        on_mark: told a number of an event before the first line of a later one.
        on_line: takes each line; None for nobody.
    """

    def __init__(
        self,
        texts: LineTexts,
        every_events: int | None = None,
        on_mark: Callable[[int], object] | None = None,
        on_line: LineSink | None = None,
    ) -> None:
        self._texts = texts
        self._events, self._intents, self._fills = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
        self._every_events = every_events
        self._boundary = _NEVER if every_events is None else every_events
        self._on_mark = on_mark
        self._on_line = on_line

    def event(self, event: Event) -> None:
        """Take an event."""
        if event.seq > self._boundary:
            self._mark()
        self._take(self._events, event.seq, "events", self._texts.event(event))

    def intent(self, seq: int, strategy_id: str, intent: Intent) -> None:
        """Take an intent that passed, with the seq of its event."""
        # A timer's intents come before the event that they carry the number of.
        if seq > self._boundary:
            self._mark()
        self._take(self._intents, seq, "intents", self._texts.intent(seq, strategy_id, intent))

    def fill(self, fill: Fill) -> None:
        """Take a fill; its intent was taken before it."""
        self._take(self._fills, fill.seq, "fills", self._texts.fill(fill))

    def digests(self) -> tuple[str, str, str]:
        """Return the SHA-256, in hex, of the lines of events, intents and fills so far."""
        return self._events.hexdigest(), self._intents.hexdigest(), self._fills.hexdigest()

    def _take(self, digest: Any, seq: int, stream: str, line: str) -> None:
        digest.update(line.encode("utf-8"))
        if self._on_line is not None:
            self._on_line(seq, stream, line)

    def _mark(self) -> None:
        assert self._every_events is not None
        if self._on_mark is not None:
            self._on_mark(self._boundary)
        self._boundary += self._every_events
