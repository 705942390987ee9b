"""Watches the event loop from inside: how late it is, and how many tokens have a book."""

import asyncio
from collections.abc import Callable

from pm_data import clock
from pm_data.capture.metrics import Samples

_STEP_NS = 20_000_000
_FIRST_COVERAGE_NS = 900_000_000


class LoopMonitor:
    """Measures the loop's lateness every 20 ms; other threads read it.

    Args:
        max_samples: most samples kept between two heartbeats.
        coverage: returns shard to (tokens, tokens with a book); called in the loop.
        coverage_interval_seconds: time between two such calls, which cost a walk over all tokens.
    """

    def __init__(
        self,
        max_samples: int,
        coverage: Callable[[], dict[int, tuple[int, int]]],
        coverage_interval_seconds: float,
    ) -> None:
        self._max_samples = max_samples
        self.lag = Samples(max_samples)
        """The loop's lateness, ns."""
        self._due_ns: int | None = None
        self._coverage = coverage
        self._coverage_interval_ns = int(coverage_interval_seconds * 1e9)
        self.tokens: dict[int, tuple[int, int]] = {}
        """Shard to (tokens, tokens with a book) at the last count."""

    def begin(self) -> Samples:
        """Measure for another bundle from here on; return what its samples go to."""
        self.lag = Samples(self._max_samples)
        return self.lag

    async def run(self) -> None:
        """Measure until cancelled."""
        try:
            await self._measure()
        finally:
            self._due_ns = None  # a loop that has ended is not late

    async def _measure(self) -> None:
        # Not at once, when no connection is open yet.
        coverage_due_ns = clock.mono_ns() + min(self._coverage_interval_ns, _FIRST_COVERAGE_NS)
        while True:
            now = clock.mono_ns()
            if now >= coverage_due_ns:
                self.tokens = self._coverage()
                coverage_due_ns = now + self._coverage_interval_ns
            self._due_ns = due_ns = clock.mono_ns() + _STEP_NS
            await asyncio.sleep(_STEP_NS / 1e9)
            self.lag.add(max(0, clock.mono_ns() - due_ns))

    def take_lag_ns(self) -> list[int]:
        """Return the lateness samples since the last call, and the one that is still growing."""
        samples = self.lag.take()
        due_ns = self._due_ns
        if due_ns is not None and (late := clock.mono_ns() - due_ns) > 0:
            samples.append(late)
        return samples

    def coverage_percent(self, shard: int | None = None) -> float | None:
        """Return the share of tokens that have a book, of one shard or of all; None without tokens."""
        counts = [count for number, count in self.tokens.items() if shard is None or number == shard]
        tokens = sum(count[0] for count in counts)
        return round(100 * sum(count[1] for count in counts) / tokens, 2) if tokens else None
