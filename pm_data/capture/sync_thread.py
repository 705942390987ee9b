"""The thread that forces written records to the disk, off the writer's path (rule D3)."""

import threading
import time

from pm_data.capture.fatal import Cause, FatalLatch
from pm_data.capture.threads import start_thread
from pm_data.capture.writer_thread import WriterThread

_LEAD = 0.8
"""Part of the interval after which the next sync begins; the rest is for the sync itself to end in time."""


class SyncThread:
    """Syncs every shard that has something new, within `interval_seconds`, sooner when the writer asks.

    What counts as durable afterwards is what was written before the sync began. A refused sync
    is fatal and never tried again: the kernel may have dropped the data it reports on.
    """

    def __init__(self, writer: WriterThread, interval_seconds: float, latch: FatalLatch) -> None:
        self._writer = writer
        self._wait_seconds = _LEAD * interval_seconds
        self._latch = latch
        self._stop = threading.Event()
        self._thread = start_thread("sync", self._work, latch)

    def stop(self, timeout_seconds: float | None) -> bool:
        """End the thread after the sync it may be in; False when that takes too long."""
        self._stop.set()
        self._writer.sync_wanted.set()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        due = time.monotonic() + self._wait_seconds
        while not self._stop.is_set():
            self._writer.sync_wanted.wait(max(0.0, due - time.monotonic()))
            self._writer.sync_wanted.clear()
            due = time.monotonic() + self._wait_seconds
            for unsynced in self._writer.unsynced():
                try:
                    unsynced.file.sync()
                except OSError as error:
                    self._writer.halt()
                    self._latch.set(Cause.SYNC_ERROR, str(error), unsynced.shard)
                    return
                self._writer.made_durable(unsynced)
