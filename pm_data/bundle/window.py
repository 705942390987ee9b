"""One reused buffer that slides over a file."""

from pm_data.bundle.digest import Digest
from pm_data.bundle.source import Source

BUFFER_BYTES = 256 * 1024
"""Most bytes of a file that are in memory at a time; only a longer record takes more, while it is read."""


class Window:
    """A view of the bytes from `position` on, up to `limit`.

    Args:
        data: the buffer; `data[start:end]` are the file's bytes from `position`.
        limit: no byte from there on is looked at.
    """

    def __init__(
        self, file: Source, limit: int, digest: Digest | None = None, buffer_bytes: int = BUFFER_BYTES
    ) -> None:
        """Look at a file from its start.

        Args:
            buffer_bytes: how many bytes are in memory at a time.
            digest: is fed every byte read, until a jump.
        """
        self.limit = limit
        self.start = 0
        self.end = 0
        self._file = file
        self._digest = digest
        self._offset = 0
        self._own = bytearray(buffer_bytes)
        self.data = self._own
        self.view = memoryview(self.data)

    @property
    def position(self) -> int:
        """Where in the file the byte at `start` is."""
        return self._offset + self.start

    def slide(self, need: int) -> bool:
        """Forget what lies before `start`, read on, and return whether `need` bytes are there.

        More memory than the window's own is taken only where the file has that many bytes.
        """
        available = self.limit - self.position
        if need > available:
            return False
        if self._digest is not None:
            self._digest.wait()
        rest = self.end - self.start
        size = max(len(self._own), need, rest)
        old = self.view
        if size == len(self._own):
            self.data = self._own
        elif size > len(self.data):
            self.data = bytearray(size)
        self.view = memoryview(self.data)
        self.view[:rest] = old[self.start : self.end]
        self._offset += self.start
        self.start, self.end = 0, rest
        stop = min(len(self.data), available)
        fresh = rest
        while self.end < stop:
            count = self._file.readinto(self.view[self.end : stop])
            if not count:
                # Cut shorter since it was opened: a writer that rolled back, or a stranger.
                self.limit = self._offset + self.end
                break
            self.end += count
        if self._digest is not None:
            self._digest.update(self.view[fresh : self.end])
        return self.end - self.start >= need

    def hold(self, need: int) -> bool:
        """Return whether `need` bytes are there, reading on only where they are not."""
        return self.end - self.start >= need or self.slide(need)

    def jump(self, position: int) -> None:
        """Forget everything and go on at `position`; no digest is taken any more."""
        if self._digest is not None:
            self._digest.wait()
            self._digest = None
        self._file.seek(position)
        self._offset, self.start, self.end = position, 0, 0

    def skip_hole(self) -> None:
        """Where every byte in memory was seen, go on where the file next has bytes that are no hole."""
        if self.start < self.end:
            return
        here = self.position
        data = self._file.next_data(here)
        self.jump(self.limit if data is None else min(max(data, here), self.limit))
