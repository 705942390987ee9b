"""Chained checkpoints: digests of all lines so far, so that two runs can be compared without their lines."""

from collections.abc import Callable
from typing import NamedTuple

from pm_data import _fast
from pm_data._fast import lines
from pm_data._fast.lines_py import LineSink as LineSink
from pm_data._fast.lines_py import LineTexts
from pm_data.runtime.eventlines import event_line
from pm_data.strategy import Fill, Intent


class Checkpoint(NamedTuple):
    """SHA-256, in hex, of all lines of each stream up to and including those of event `seq`."""

    seq: int
    events: str
    intents: str
    fills: str


class Trail:
    """Follows the lines of one run.

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
        self._every_events = every_events
        self._on_checkpoint = on_checkpoint
        self._on_line = on_line
        self._lines: lines.Lines | None = None

    def start(
        self, intent_line: Callable[[int, str, Intent], str], core: _fast.Core | None = None
    ) -> lines.Lines:
        """Return what is to be told of the run.

        Args:
            core: the set of twins to use.
        """
        texts = LineTexts(event_line, intent_line, fill_line)
        self._lines = (core or _fast).lines.Lines(texts, self._every_events, self._tell, self._on_line)
        return self._lines

    def end(self, seq: int) -> Checkpoint:
        """Return the last checkpoint, of a run that ended with this event."""
        return self._tell(seq)

    def _tell(self, seq: int) -> Checkpoint:
        assert self._lines is not None
        mark = Checkpoint(seq, *self._lines.digests())
        if self._on_checkpoint is not None:
            self._on_checkpoint(mark)
        return mark


def fill_line(fill: Fill) -> str:
    """Return a fill's line, ended by LF: `seq|strategy_id|market_id|side|price_e6|size_e6|fee_e6|tag`."""
    return (
        f"{fill.seq}|{fill.strategy_id}|{fill.market_id}|{fill.side}|"
        f"{fill.price_e6}|{fill.size_e6}|{fill.fee_e6}|{fill.tag}\n"
    )
