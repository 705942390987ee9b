"""Where two runs part: first between which checkpoints, then at which line."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import NamedTuple

from pm_data.runtime.checkpoints import Checkpoint, Trail

CHECKPOINT_EVENTS = 1000
"""Events between two checkpoints, unless somebody asks for another number."""

Line = tuple[int, str, str]
"""The seq, the stream and the text of a line."""

Run = Callable[[Trail], object]
"""Runs from its beginning, followed by the trail; the same each time it is called."""

_STREAMS = ("events", "intents", "fills")


class Difference(NamedTuple):
    """Two runs are equal up to event `after_seq`, and are not up to event `up_to_seq`.

    Args:
        streams: which of events, intents and fills differ there.
        seq, stream, a, b: the first line that differs, None in a run that has none; all None where
            the lines are not at hand, or did not differ when the runs were run again.
    """

    after_seq: int
    up_to_seq: int
    streams: tuple[str, ...]
    seq: int | None = None
    stream: str | None = None
    a: str | None = None
    b: str | None = None


class _PassedError(Exception):
    """The lines that were asked for have all been seen."""


def differ(a: Sequence[Checkpoint], b: Sequence[Checkpoint]) -> Difference | None:
    """Return where two runs part, by their checkpoints at the same events; None where they are equal."""
    equal: Checkpoint | None = None
    for ours, theirs in zip_longest(a, b):
        if ours == theirs:
            equal = ours
            continue
        # A run that has ended stays as it was at its end.
        ours, theirs = ours or a[-1], theirs or b[-1]
        streams = tuple(name for name in _STREAMS if getattr(ours, name) != getattr(theirs, name))
        return Difference(equal.seq if equal else 0, max(ours.seq, theirs.seq), streams)
    return None


def find_difference(a: Run, b: Run) -> Difference | None:
    """Run both, and again from their start where they part; return the first line that differs."""
    marks: list[list[Checkpoint]] = []
    for run in (a, b):
        marks.append([])
        run(Trail(CHECKPOINT_EVENTS, marks[-1].append))
    found = differ(*marks)
    return None if found is None else name_line(found, a, b)


def name_line(found: Difference, a: Run, b: Run) -> Difference:
    """Return the difference with its first line, from running both again."""
    begin, end = found.after_seq, found.up_to_seq
    for ours, theirs in zip_longest(_lines(a, begin, end), _lines(b, begin, end)):
        if ours != theirs:
            return part_at(ours, theirs)._replace(after_seq=begin, up_to_seq=end, streams=found.streams)
    return found


def part_at(ours: Line | None, theirs: Line | None) -> Difference:
    """Return the difference of two runs whose first lines that differ are these; one may be None."""
    seq, stream, _text = min(filter(None, (ours, theirs)), key=_place)
    a, b = (None if line is None else line[2].rstrip("\n") for line in (ours, theirs))
    return Difference(max(seq - 1, 0), seq, (stream,), seq, stream, a, b)


def _place(line: Line) -> tuple[int, int]:
    """Order lines as a run brings them; before an event's own line stand only those of its timers."""
    seq, stream, _text = line
    return seq, ("intents", "fills", "events").index(stream)


def _lines(run: Run, after_seq: int, up_to_seq: int) -> list[Line]:
    """Return the lines of these events; those of event 0 belong to the first."""
    lines: list[Line] = []

    def keep(seq: int, stream: str, line: str) -> None:
        if seq > up_to_seq:
            raise _PassedError
        if seq > after_seq or not after_seq:
            lines.append((seq, stream, line))

    with suppress(_PassedError):
        run(Trail(on_line=keep))
    return lines
