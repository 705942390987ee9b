"""Notices when the wall clock is set: its stamps then say another time than before."""

_STEP_NS = 500_000_000
"""What a clock that is merely disciplined does not drift between two heartbeats."""


class ClockStep:
    """Compares the two clocks from one heartbeat to the next."""

    def __init__(self) -> None:
        self._offset_ns: int | None = None

    def check(self, mono_ns: int, wall_ns: int) -> int | None:
        """Return how far the wall clock was set since the last call, in ns; None where it was not."""
        before, self._offset_ns = self._offset_ns, wall_ns - mono_ns
        if before is None or abs(self._offset_ns - before) < _STEP_NS:
            return None
        return self._offset_ns - before
