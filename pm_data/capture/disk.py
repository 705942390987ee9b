"""Free disk space, looked at by a thread of its own: statfs can hang on a dead mount."""

import shutil
from pathlib import Path

from pm_data.capture.fatal import Cause, FatalLatch
from pm_data.capture.threads import Periodic


class DiskWatch:
    """Knows the free space of the run's disk and ends the capture below a limit."""

    def __init__(self, path: Path, interval_seconds: float, min_free_bytes: int, latch: FatalLatch) -> None:
        self._path = path
        self._min_free_bytes = min_free_bytes
        self._latch = latch
        self.free_bytes: int | None = None
        """Free bytes at the last look."""
        self._look()
        self._periodic = Periodic("disk space", interval_seconds, self._look, latch)

    def stop(self) -> None:
        """End the thread; one that hangs in the file system is left behind."""
        self._periodic.stop(0.1)

    def _look(self) -> None:
        try:
            self.free_bytes = shutil.disk_usage(self._path).free
        except OSError as error:
            self._latch.set(Cause.DISK_LOW, f"cannot tell the free space of {self._path}: {error}")
            return
        if self.free_bytes < self._min_free_bytes:
            self._latch.set(
                Cause.DISK_LOW,
                f"{self.free_bytes} bytes free, capture_min_free_bytes is {self._min_free_bytes}",
            )
