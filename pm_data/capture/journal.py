"""The text files of a run, written by a thread of their own so that nobody waits for them."""

import os
import queue
from pathlib import Path

from pm_data import jsonlib
from pm_data.capture.fatal import Cause, FatalLatch
from pm_data.capture.threads import start_thread
from pm_data.jsonlib import JsonObject


class AppendFile:
    """An NDJSON file that only grows, by whole lines."""

    def __init__(self, path: Path) -> None:
        """Create the file.

        Raises:
            OSError: it exists, or cannot be made.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._fd = os.open(path, flags, 0o644)
        self._size = 0

    def append(self, line: bytes) -> None:
        """Append one line.

        Raises:
            OSError: it was not written; the file ends with the line before.
        """
        try:
            view = memoryview(line)
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(line)

    def close(self) -> None:
        """Sync and close the file.

        Raises:
            OSError: the sync failed; the file is closed all the same.
        """
        try:
            os.fsync(self._fd)
        finally:
            os.close(self._fd)


class Journal:
    """Appends lines to files under the run directory, in the order given, in its own thread.

    A write error is fatal for the capture; what comes after it is not written.
    """

    def __init__(self, run_dir: Path, latch: FatalLatch) -> None:
        self._run_dir = run_dir
        self._latch = latch
        self._files: dict[str, AppendFile] = {}
        self._lines: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        self._thread = start_thread("journal", self._work, latch)

    def append(self, name: str, fields: JsonObject) -> None:
        """Queue one line for the file `name` (relative to the run directory); never blocks."""
        self._lines.put((name, jsonlib.dumps(fields).encode("utf-8") + b"\n"))

    def close(self, timeout_seconds: float) -> None:
        """Write what is queued and close the files."""
        self._lines.put(None)
        self._thread.join(timeout_seconds)

    def _work(self) -> None:
        failed = False
        while (entry := self._lines.get()) is not None:
            if failed:
                continue
            name, line = entry
            try:
                self._file(name).append(line)
            except OSError as error:
                failed = True
                self._latch.set(Cause.WRITE_ERROR, f"{name}: {error}")
        for name, file in self._files.items():
            try:
                file.close()
            except OSError as error:
                self._latch.set(Cause.SYNC_ERROR, f"{name}: {error}")

    def _file(self, name: str) -> AppendFile:
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = AppendFile(self._run_dir / name)
        return file
