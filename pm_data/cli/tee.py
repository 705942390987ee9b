"""Two readers of one stream of records: what the capture takes goes to the runtime too."""

import queue
from collections.abc import Iterator

from pm_data.frame import Record


class Tee:
    """Hands on batches from the thread that takes them to the thread that reads `records`, in order.

    What waits is not bounded: a proof lasts as long as it is told to.
    """

    def __init__(self) -> None:
        self._batches: queue.SimpleQueue[list[Record] | None] = queue.SimpleQueue()
        self._is_read = True

    def put(self, batch: list[Record]) -> None:
        """Hand on what was taken."""
        if self._is_read:
            self._batches.put(batch)

    def close(self) -> None:
        """Say that nothing follows."""
        self._batches.put(None)

    def abandon(self) -> None:
        """Say that nobody reads any more; what comes is let go."""
        self._is_read = False

    def records(self) -> Iterator[Record]:
        """Yield the records until nothing follows."""
        while (batch := self._batches.get()) is not None:
            yield from batch
