"""How long each stage of a live run takes: histograms, and the clock that fills them.

The only clock in the runtime. It watches and decides nothing: no result depends on it.
"""

from collections.abc import Callable
from typing import Any

from pm_data import clock
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

_SUB_BUCKET_BITS = 5
_SUB_BUCKETS = 1 << _SUB_BUCKET_BITS
_QUANTILES = (("p50", 500), ("p90", 900), ("p99", 990), ("p99_9", 999))


class Histogram:
    """Count durations in log-linear buckets: 32 to each power of two, so exact to 1 part in 32."""

    def __init__(self) -> None:
        self.count = 0
        self.max_ns = 0
        self._buckets: dict[int, int] = {}

    def add(self, duration_ns: int) -> None:
        """Count one duration; a negative one counts as 0."""
        duration_ns = max(duration_ns, 0)
        shift = max(duration_ns.bit_length() - _SUB_BUCKET_BITS - 1, 0)
        bucket = (shift << (_SUB_BUCKET_BITS + 1)) + (duration_ns >> shift)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1
        self.max_ns = max(self.max_ns, duration_ns)

    def quantile(self, per_mille: int) -> int:
        """Return the upper end of the bucket that holds this quantile, ns; 0 without durations."""
        wanted = -(-self.count * per_mille // 1000)
        for bucket in sorted(self._buckets):
            wanted -= self._buckets[bucket]
            if wanted <= 0:
                shift, mantissa = divmod(bucket, 2 * _SUB_BUCKETS)
                return min(((mantissa + 1) << shift) - 1, self.max_ns)
        return self.max_ns

    def report(self) -> JsonObject:
        """Return count, quantiles and maximum in ns."""
        quantiles = {name: self.quantile(per_mille) for name, per_mille in _QUANTILES}
        return {"count": self.count, **quantiles, "max": self.max_ns}


class StageClock:
    """Time the stages of a run.

    Args:
        now_ns: the clock of the receive stamps.
    """

    def __init__(self, now_ns: Callable[[], int] = clock.mono_ns) -> None:
        self.now_ns = now_ns
        self._histograms = {stage: Histogram() for stage in STAGES}

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
        return {stage: histogram.report() for stage, histogram in self._histograms.items()}
