"""The two clocks of a receive stamp. Only capture and live sources read them."""

import time

from pm_data import osdep


def mono_ns() -> int:
    """Return the monotonic clock in ns; its zero means nothing."""
    return osdep.mono_ns()


def wall_ns() -> int:
    """Return the wall clock in ns since 1970 UTC; it may step."""
    return time.time_ns()
