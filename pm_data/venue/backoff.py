"""How long to wait before the next try at a connection (rule W3)."""

import random

_BASE_SECONDS = 0.25
_CAP_SECONDS = 30.0
_DOUBLINGS_MAX = 7
"""0.25 s doubled seven times is past the cap."""


class Backoff:
    """Exponential with full jitter: any time from 0 to a bound that doubles up to 30 s."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._failures = 0

    def next_delay_seconds(self) -> float:
        """Count one more end of a connection and return how long to wait before dialing again."""
        bound = min(_BASE_SECONDS * 2**self._failures, _CAP_SECONDS)
        self._failures = min(self._failures + 1, _DOUBLINGS_MAX)
        return self._rng.uniform(0.0, bound)

    def reset(self) -> None:
        """Start small again. Data does this; a mere connection does not."""
        self._failures = 0
