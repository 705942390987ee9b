"""Samples of one measure, and the quantiles that a heartbeat states."""

from collections import deque

from pm_data._fast import histogram
from pm_data.jsonlib import JsonObject


class Samples:
    """The newest values of one measure since they were last taken; one thread adds, one takes.

    Args:
        max_samples: the oldest values beyond this number are forgotten, but for the whole run's quantiles.
    """

    def __init__(self, max_samples: int) -> None:
        self._values: deque[int] = deque(maxlen=max_samples)
        self._whole_run: histogram.Histogram = histogram.Histogram()

    def add(self, value_ns: int) -> None:
        """Note one value, in ns."""
        self._values.append(value_ns)
        self._whole_run.add(value_ns)

    def take(self) -> list[int]:
        """Return the values and start anew."""
        values = []
        # popleft, not copy and clear: the other thread adds meanwhile.
        while self._values:
            values.append(self._values.popleft())
        return values

    def whole_run_ms(self) -> JsonObject:
        """Return p50, p99 (exact to 1 part in 32) and max of all values ever, as `quantiles_ms`."""
        whole = self._whole_run
        if not whole.count:
            return quantiles_ms([])
        values_ns = {"p50": whole.quantile(500), "p99": whole.quantile(990), "max": whole.max_ns}
        return {name: round(value_ns / 1e6, 3) for name, value_ns in values_ns.items()}


def quantiles_ms(values_ns: list[int]) -> JsonObject:
    """Return p50, p99 (nearest rank) and max in ms to three decimals; null without a value."""
    if not values_ns:
        return {"p50": None, "p99": None, "max": None}
    ordered = sorted(values_ns)

    def at(percent: int) -> float:
        return round(ordered[-(-len(ordered) * percent // 100) - 1] / 1e6, 3)

    return {"p50": at(50), "p99": at(99), "max": at(100)}
