"""Samples of one measure, and the quantiles that a heartbeat states."""

from collections import deque

from pm_data.jsonlib import JsonObject


class Samples:
    """The newest values of one measure since they were last taken; one thread adds, one takes.

    Args:
        max_samples: the oldest values beyond this number are forgotten.
    """

    def __init__(self, max_samples: int) -> None:
        self._values: deque[int] = deque(maxlen=max_samples)

    def add(self, value_ns: int) -> None:
        """Note one value, in ns."""
        self._values.append(value_ns)

    def take(self) -> list[int]:
        """Return the values and start anew."""
        values = []
        # popleft, not copy and clear: the other thread adds meanwhile.
        while self._values:
            values.append(self._values.popleft())
        return values


def quantiles_ms(values_ns: list[int]) -> JsonObject:
    """Return p50, p99 (nearest rank) and max in ms to three decimals; null without a value."""
    if not values_ns:
        return {"p50": None, "p99": None, "max": None}
    ordered = sorted(values_ns)

    def at(percent: int) -> float:
        return round(ordered[-(-len(ordered) * percent // 100) - 1] / 1e6, 3)

    return {"p50": at(50), "p99": at(99), "max": at(100)}
