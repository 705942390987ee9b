"""How long each stage of a live run takes: histograms, and the clock that fills them.

The only clock in the runtime. It watches and decides nothing: no result depends on it.
"""

from collections.abc import Callable
from typing import Any

from pm_data import clock
from pm_data._fast import histogram
from pm_data.jsonlib import JsonObject

STAGES = ("recv_to_decode", "normalize", "state", "strategy", "allocator", "execution", "emit")
"""In the order in which a frame reaches them; docs/performance.md says what each spans."""

END_TO_END = "end_to_end"

_QUANTILES = (("p50", 500), ("p90", 900), ("p99", 990), ("p99_9", 999))


def report(found: histogram.Histogram) -> JsonObject:
    """Return a histogram's count, quantiles and maximum in ns."""
    quantiles = {name: found.quantile(per_mille) for name, per_mille in _QUANTILES}
    return {"count": found.count, **quantiles, "max": found.max_ns}


class StageClock:
    """Time the stages of a run, frame by frame.

    The clock is read once at each step from one stage to the next, and the time since the step
    before belongs to the stage that has ended. So a frame's stages add up to its end to end, and
    none of its time is in two of them or in none. A stage that a frame did not reach counts nothing.

    Args:
        now_ns: the clock of the receive stamps.
    """

    def __init__(self, now_ns: Callable[[], int] = clock.mono_ns) -> None:
        self._now_ns = now_ns
        self._histograms = {stage: histogram.Histogram() for stage in (*STAGES, END_TO_END)}
        self._spent_ns: dict[str, int] = {}
        self._stage = ""
        self._step_ns = 0

    def begin(self, received_ns: int) -> None:
        """Take the step from the wait for the decoder to its work.

        Args:
            received_ns: the frame's receive stamp.
        """
        self._spent_ns = {}
        self._step_ns = received_ns
        self._step("recv_to_decode")

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function so that each of its calls ends with a step out of a stage."""

        def measured(*arguments: Any) -> Any:
            answer = function(*arguments)
            self._step(stage)
            return answer

        return measured

    def end(self, received_ns: int) -> None:
        """Count the frame that was begun last.

        What was left to do after its last step is emitting, or the state's where no event left it.
        """
        self._step("state" if self._stage == "state" else "emit")
        for stage, spent_ns in self._spent_ns.items():
            self._histograms[stage].add(spent_ns)
        self._histograms[END_TO_END].add(self._step_ns - received_ns)

    def report(self) -> JsonObject:
        """Return the report of each stage, and of end to end."""
        return {stage: report(found) for stage, found in self._histograms.items()}

    def _step(self, stage: str) -> None:
        now_ns = self._now_ns()
        self._spent_ns[stage] = self._spent_ns.get(stage, 0) + now_ns - self._step_ns
        self._stage, self._step_ns = stage, now_ns
