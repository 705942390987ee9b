"""The parts of a page, and their HTML. All text is escaped here, wherever it comes from (rule X2)."""

import html
from collections.abc import Sequence
from typing import Literal, NamedTuple

Tone = Literal["", "good", "bad", "warn"]
Shade = Literal["0", "1", "2", "3", "4", "mark"]
SeriesStyle = Literal["line", "step", "points"]

MAX_TEXT = 200
MAX_ROWS = 200
"""Longest text and longest table of a page; a stranger's run may name millions of causes."""


def shown(text: object) -> str:
    """Return text up to MAX_TEXT; what no screen should be told is replaced."""
    whole = str(text)
    cut = whole if len(whole) <= MAX_TEXT else whole[:MAX_TEXT] + "…"
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in cut)


def escaped(text: object) -> str:
    """Return text that HTML shows as it is, limited as in `shown`."""
    return html.escape(shown(text))


class Figure(NamedTuple):
    """One number that matters, with what it is."""

    label: str
    value: str
    note: str = ""
    tone: Tone = ""

    def html(self) -> str:
        """Return the HTML."""
        note = f"<small>{escaped(self.note)}</small>" if self.note else ""
        value = f'<b class="{self.tone}">{escaped(self.value)}</b>'
        return f'<div class="figure"><span>{escaped(self.label)}</span>{value}{note}</div>'


class Figures(NamedTuple):
    """A row of figures."""

    figures: Sequence[Figure]

    def html(self) -> str:
        """Return the HTML."""
        return f'<div class="figures">{"".join(figure.html() for figure in self.figures)}</div>'


class Cell(NamedTuple):
    """A table's cell with a tone."""

    text: str
    tone: Tone


class Table(NamedTuple):
    """A table; where it has no row, the page says `empty` instead."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    empty: str = "None."
    note: str = ""

    def html(self) -> str:
        """Return the HTML."""
        title = f"<h2>{escaped(self.title)}</h2>"
        left_out = len(self.rows) - MAX_ROWS
        notes = [f"{left_out:,} more rows are left out."] if left_out > 0 else []
        notes += [self.note] if self.note else []
        note = "".join(f'<p class="note">{escaped(line)}</p>' for line in notes)
        if not self.rows:
            return f'<section>{title}<p class="note">{escaped(self.empty)}</p></section>'
        head = "".join(f"<th>{escaped(column)}</th>" for column in self.columns)
        body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in self.rows[:MAX_ROWS])
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f'<section>{title}<div class="scroll">{table}</div>{note}</section>'


def _cell(value: object) -> str:
    if isinstance(value, Cell):
        return f'<td class="{value.tone}">{escaped(value.text)}</td>'
    if isinstance(value, int | float):
        return f'<td class="number">{value:,}</td>'
    return f"<td>{escaped(value)}</td>"


class Stretch(NamedTuple):
    """A part of a strip, from 0 to 1 along it.

    Args:
        shade: 0 to 4, from nothing to all; `mark` is a thin line over the strip.
    """

    start: float
    end: float
    shade: Shade
    title: str


class Strip(NamedTuple):
    """One named strip of a `Strips`."""

    label: str
    stretches: Sequence[Stretch]


class Strips(NamedTuple):
    """Strips along the same time, one below the other."""

    title: str
    strips: Sequence[Strip]
    begin: str
    end: str
    note: str

    def html(self) -> str:
        """Return the HTML."""
        rows = "".join(
            f'<div class="strip"><span>{escaped(strip.label)}</span>{_svg(strip.stretches)}</div>'
            for strip in self.strips
        )
        ends = f'<div class="ends"><span>{escaped(self.begin)}</span><span>{escaped(self.end)}</span></div>'
        note = f'<p class="note">{escaped(self.note)}</p>'
        return f"<section><h2>{escaped(self.title)}</h2>{rows}{ends}{note}</section>"


def _svg(stretches: Sequence[Stretch]) -> str:
    rects = []
    for stretch in stretches:
        # A mark is as wide as can be seen on a phone, however short it was.
        width = max((stretch.end - stretch.start) * 1000, 6 if stretch.shade == "mark" else 0.1)
        rects.append(
            f'<rect class="s{stretch.shade}" x="{min(stretch.start * 1000, 1000 - width):.1f}"'
            f' width="{width:.1f}" height="10"><title>{escaped(stretch.title)}</title></rect>'
        )
    return f'<svg viewBox="0 0 1000 10" preserveAspectRatio="none">{"".join(rects)}</svg>'


class Series(NamedTuple):
    """One line of a chart; None in `values` is no point."""

    label: str
    values: Sequence[float | None]
    style: SeriesStyle = "line"


class Chart(NamedTuple):
    """A chart over time, drawn by uPlot.

    Args:
        seconds: wall-clock seconds since 1970 UTC, growing.
        marks: moments to draw as thin lines over the chart.
        from_zero: whether values that are never negative are drawn from 0 on.
    """

    title: str
    unit: str
    seconds: Sequence[float]
    series: Sequence[Series]
    marks: Sequence[float] = ()
    from_zero: bool = True
