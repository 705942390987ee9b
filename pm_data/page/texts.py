"""Numbers and times as a person reads them."""

import time


def utc_text(wall_ns_utc: int) -> str:
    """Return a wall-clock stamp in ns as date and time."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(wall_ns_utc // 1_000_000_000))


def duration_text(seconds: float) -> str:
    """Return a duration in the unit that fits it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def figure_text(value: float | None) -> str:
    """Return a number with its thousands marked; `-` where there is none."""
    if value is None:
        return "-"
    return f"{value:,g}" if abs(value) < 1000 else f"{value:,.0f}"
