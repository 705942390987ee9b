"""Timers on event time: when which strategy's on_timer is due."""

from collections.abc import Mapping

NEVER_NS = 2**63 - 1
_AT_ONCE_NS = -(2**63)


class Timers:
    """The timers of all strategies; each is due at the run's first event + k × its period."""

    def __init__(self) -> None:
        self._periods_ns: Mapping[str, int] = {}
        self._first_ns: int | None = None
        self._next_ns: dict[str, int] = {}
        self.next_ns = NEVER_NS
        """The receive stamp from which on `take` must be asked."""

    def start(self, periods_ns: Mapping[str, int]) -> None:
        """Wait for the first event.

        Args:
            periods_ns: strategy id to period, above 0, in the order in which timers of one moment fire.
        """
        self._periods_ns = periods_ns
        self.next_ns = _AT_ONCE_NS if periods_ns else NEVER_NS

    def take(self, ts_recv: int) -> list[tuple[str, int]]:
        """Return who is due at an event with this stamp, and for which time: the latest that has passed."""
        if self._first_ns is None:
            self._first_ns = ts_recv
            self._next_ns = {name: ts_recv + period for name, period in self._periods_ns.items()}
        due = []
        for name, period in self._periods_ns.items():
            if self._next_ns[name] <= ts_recv:
                latest = ts_recv - (ts_recv - self._first_ns) % period
                due.append((name, latest))
                self._next_ns[name] = latest + period
        self.next_ns = min(self._next_ns.values())
        return due
