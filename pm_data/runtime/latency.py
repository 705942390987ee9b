"""How long each stage of a live run takes: histograms, and the clock that fills them.

The only clock in the runtime. It watches and decides nothing: no result depends on it.
"""

from collections.abc import Callable
from typing import Any

from pm_data import clock
from pm_data._fast import histogram
from pm_data.jsonlib import JsonObject

STAGES = (
    "receive_to_decode",
    "decode",
    "normalize_and_state",
    "strategy",
    "allocator",
    "execution",
    "emit",
    "end_to_end",
)
"""`receive_to_decode` is the wait since the socket read; `end_to_end` goes on to the last callback."""

_QUANTILES = (("p50", 500), ("p90", 900), ("p99", 990), ("p99_9", 999))


def report(found: histogram.Histogram) -> JsonObject:
    """Return a histogram's count, quantiles and maximum in ns."""
    quantiles = {name: found.quantile(per_mille) for name, per_mille in _QUANTILES}
    return {"count": found.count, **quantiles, "max": found.max_ns}


class StageClock:
    """Time the stages of a run.

    Args:
        now_ns: the clock of the receive stamps.
    """

    def __init__(self, now_ns: Callable[[], int] = clock.mono_ns) -> None:
        self.now_ns = now_ns
        self._histograms = {stage: histogram.Histogram() for stage in STAGES}

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with each of its calls counted under a stage."""
        add, now_ns = self._histograms[stage].add, self.now_ns

        def measured(*arguments: Any) -> Any:
            started = now_ns()
            try:
                return function(*arguments)
            finally:
                add(now_ns() - started)

        return measured

    def since(self, stage: str, stamp_ns: int) -> None:
        """Count the time from a receive stamp until now under a stage."""
        self._histograms[stage].add(self.now_ns() - stamp_ns)

    def report(self) -> JsonObject:
        """Return each stage's report."""
        return {stage: report(found) for stage, found in self._histograms.items()}
