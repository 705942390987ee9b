"""The lines of a run that cannot be run again, kept for the first at which another run parts from it."""

from typing import IO

from pm_data.runtime.comparison import Difference, Line, part_at


class KeptLines:
    """Takes all lines of one run, then all lines of another.

    Args:
        file: empty; holds the first run's lines.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._is_read = False
        self._parted: tuple[bytes, bytes] | None = None

    def keep(self, _seq: int, stream: str, line: str) -> None:
        """Take a line of the first run; a `LineSink`.

        Raises:
            OSError: the file cannot be written.
        """
        self._file.write(_entry(stream, line))

    def compare(self, _seq: int, stream: str, line: str) -> None:
        """Hold a line of the second run against the first one's; a `LineSink`."""
        if self._parted is None:
            theirs = _entry(stream, line)
            ours = self._next()
            if ours != theirs:
                self._parted = ours, theirs

    def difference(self) -> Difference | None:
        """Return where the second run, which has ended, parts from the first; None where it does not."""
        if self._parted is None and (rest := self._next()):
            self._parted = rest, b""
        return None if self._parted is None else part_at(*map(_line, self._parted))

    def _next(self) -> bytes:
        """Return the next line of the first run, empty after the last."""
        if not self._is_read:
            self._is_read = True
            self._file.seek(0)
        return self._file.readline()


def _entry(stream: str, line: str) -> bytes:
    return f"{stream} {line}".encode()


def _line(entry: bytes) -> Line | None:
    if not entry:
        return None
    stream, _space, line = entry.decode().partition(" ")
    return int(line.partition("|")[0]), stream, line
