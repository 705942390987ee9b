"""A bar for the person at the terminal; nobody else sees it."""

import os
import sys
import threading
import time
from typing import Self

_WIDTH = 40
_SECONDS_BETWEEN = 0.1


class ProgressBar:
    """Shows on stderr how much of a work is done, where stderr is a terminal; without colour.

    Args:
        total: what `add` adds up to.
    """

    def __init__(self, label: str, total: int) -> None:
        self._label = label
        self._total = total
        self._done = 0
        self._next_draw = 0.0
        self._drawn = 0
        self._lock = threading.Lock()
        self._is_shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_unused: object) -> None:
        if self._drawn:
            self._write(" " * self._drawn + "\r")

    def add(self, count: int) -> None:
        """Add what was done since; callable from any thread."""
        with self._lock:
            self._done += count
            now = time.monotonic()
            if not self._is_shown or now < self._next_draw:
                return
            self._next_draw = now + _SECONDS_BETWEEN
            share = min(self._done / self._total, 1.0) if self._total else 1.0
            bar = ("#" * round(_WIDTH * share)).ljust(_WIDTH, ".")
            line = f"{self._label}: [{bar}] {int(100 * share):3d} %"
            self._drawn = len(line)
            self._write(line + "\r")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
