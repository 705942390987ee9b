"""The SHA-256 of what is read, taken beside the reading."""

from collections.abc import Callable
from concurrent.futures import Executor, Future

from pm_data._fast import records


class Hashing:
    """How the digests of files that one thread reads in turn are taken.

    Args:
        executor: takes them while the thread goes on; None where the thread does.
        by_two: whether to take those of two files at once, which is faster than one after the other.
    """

    def __init__(self, executor: Executor | None = None, *, by_two: bool = False) -> None:
        self._executor = executor
        self._by_two = by_two
        self._waiting: tuple[Digest, memoryview] | None = None

    def update(self, digest: "Digest", data: memoryview) -> None:
        """Add bytes to a digest, now or later."""
        if self._waiting is not None:
            other, waiting = self._waiting
            self._waiting = None
            self._take(records.update_two, other.sha256, waiting, digest.sha256, data, to=(other, digest))
        elif self._by_two:
            self._waiting = digest, data
        else:
            self._take(digest.sha256.update, data, to=(digest,))

    def finish(self, digest: "Digest") -> None:
        """Add to a digest the bytes that wait for those of another one."""
        if self._waiting is not None and self._waiting[0] is digest:
            digest.sha256.update(self._waiting[1])
            self._waiting = None

    def _take(self, add: Callable[..., None], *arguments: object, to: tuple["Digest", ...]) -> None:
        if self._executor is None:
            add(*arguments)
            return
        pending = self._executor.submit(add, *arguments)
        for digest in to:
            digest.pending = pending


class Digest:
    """The SHA-256 of bytes that come some at a time."""

    def __init__(self, hashing: Hashing) -> None:
        self.sha256 = records.Sha256()
        self.pending: Future[None] | None = None
        self._hashing = hashing

    def update(self, data: memoryview) -> None:
        """Add bytes, which must stay as they are until `wait`."""
        self._hashing.update(self, data)

    def wait(self) -> None:
        """Wait until all bytes are taken in."""
        self._hashing.finish(self)
        if self.pending is not None:
            self.pending.result()
            self.pending = None

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far."""
        self.wait()
        return self.sha256.hexdigest()
