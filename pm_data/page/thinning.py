"""Thin a series of unknown length to a bounded number of points, without losing a peak."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

_SHORTEST_RATE_NS = 250_000_000
"""A rate over less time says little: the last heartbeat of a run follows at once."""

Value = float | None
Keep = Literal["last", "max", "min"]
"""What stands for several values: the last for counters and levels, the extreme for measures."""


class Point(NamedTuple):
    """What one stretch of time is drawn as; its stamp is that of its last line."""

    stamp_ns: int
    values: list[Value]


class Thinned:
    """Takes rows in order and keeps at most `max_points` points of them.

    When they are full, two neighbours become one, and from then on a point stands for twice the
    time: a run of weeks costs what a run of minutes does. Stamps that do not grow make no point.

    Args:
        columns: name of each column to what is kept of several values.
        max_points: an even number, from 2.
    """

    def __init__(self, columns: Mapping[str, Keep], max_points: int) -> None:
        self.width_ns = 0
        """The time that a new point stands for; who makes rows of its own accord needs no more of them."""
        self._columns = dict(columns)
        self._max_points = max_points
        self._first_ns = self._begin_ns = 0
        self._points: list[Point] = []

    def add(self, stamp_ns: int, row: Mapping[str, Value]) -> None:
        """Add a row; a column that it does not have is absent."""
        point = Point(stamp_ns, [row.get(name) for name in self._columns])
        if not self._points:
            self._first_ns = stamp_ns
        elif stamp_ns - self._begin_ns < self.width_ns or stamp_ns <= self._points[-1].stamp_ns:
            self._points[-1] = self._joined(self._points[-1], point)
            return
        if len(self._points) == self._max_points:
            pairs = zip(self._points[::2], self._points[1::2], strict=True)
            self._points = [self._joined(first, second) for first, second in pairs]
            self.width_ns = max(2 * self.width_ns, 2 * (stamp_ns - self._first_ns) // self._max_points)
        self._points.append(point)
        self._begin_ns = stamp_ns

    @property
    def stamps_ns(self) -> list[int]:
        """The stamps of the points, in order."""
        return [point.stamp_ns for point in self._points]

    def column(self, name: str) -> list[Value]:
        """Return a column's values, one a point; None where no row had one."""
        index = list(self._columns).index(name)
        return [point.values[index] for point in self._points]

    def per_second(self, name: str) -> list[Value]:
        """Return how fast a counter grew before each point; None for the first."""
        values = self.column(name)
        rates: list[Value] = [None] * min(len(values), 1)
        for index in range(1, len(values)):
            before, after = values[index - 1], values[index]
            elapsed_ns = self._points[index].stamp_ns - self._points[index - 1].stamp_ns
            known = before is not None and after is not None and elapsed_ns >= _SHORTEST_RATE_NS
            rates.append((after - before) * 1e9 / elapsed_ns if known else None)  # type: ignore[operator]
        return rates

    def _joined(self, first: Point, second: Point) -> Point:
        keeps = self._columns.values()
        values = map(_kept, keeps, first.values, second.values)
        return Point(max(first.stamp_ns, second.stamp_ns), list(values))


def _kept(keep: Keep, first: Value, second: Value) -> Value:
    if first is None or second is None:
        return first if second is None else second
    if keep == "last":
        return second
    return max(first, second) if keep == "max" else min(first, second)
