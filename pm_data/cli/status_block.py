"""A few lines at the foot of the terminal that are drawn over again; other lines go above them."""

import os
import shutil
import sys
import threading
from collections.abc import Sequence


class StatusBlock:
    """Draws on stderr, without colour; for a terminal only."""

    def __init__(self) -> None:
        self._drawn: list[str] = []
        self._lock = threading.Lock()

    @staticmethod
    def is_possible() -> bool:
        """Tell whether stderr is a terminal on which lines can be drawn over."""
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def show(self, lines: Sequence[str]) -> None:
        """Draw these lines in the place of those before."""
        with self._lock:
            columns = shutil.get_terminal_size().columns
            # A line that wraps would be two lines high, and the next drawing one too low.
            self._draw([line[: max(columns - 1, 1)] for line in lines])

    def say(self, line: str) -> None:
        """Print a line above the block."""
        with self._lock:
            block = self._drawn
            self._draw([line])
            self._drawn = []
            self._draw(block)

    def leave(self) -> None:
        """Let the block stand as it is; what is printed from now on comes below it."""
        with self._lock:
            self._drawn = []

    def _draw(self, lines: list[str]) -> None:
        up = f"\x1b[{len(self._drawn)}A\r\x1b[J" if self._drawn else ""
        sys.stderr.write(up + "".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
        self._drawn = lines
