"""What ends a capture before its time, and the files that say why."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pm_data import clock, jsonlib
from pm_data.bundle.format import encode_record
from pm_data.frame import Record
from pm_data.osdep import replace_file, sync_directory

FATAL_JSON_BYTES = 16 * 1024
"""Space kept for `fatal.json`, so that a full disk cannot keep the reason from the user."""

MESSAGE_MAX = 1024
"""Most characters of a message in `fatal.json`, so that it fits the reserve."""

LAST_RECORDS = 64
"""Most records per shard in `last_frames_shard_NN.bin`."""


class Cause(StrEnum):
    """Why a capture ended fatally."""

    DISK_LOW = "disk_low"
    WRITE_ERROR = "write_error"
    SYNC_ERROR = "sync_error"
    DROP = "drop"
    CONFIRM = "confirm"
    STALLED = "stalled"
    THREAD_DIED = "thread_died"
    INPUT = "input"
    SYSTEM_ERROR = "system_error"


@dataclass(frozen=True)
class Fatal:
    """The first fatal thing that happened in a run.

    Args:
        shard: the shard it happened in, None when it belongs to the whole run.
    """

    cause: Cause
    message: str
    shard: int | None
    mono_ns: int
    wall_ns_utc: int


def fatal_json(fatal: Fatal) -> bytes:
    """Return the contents of `fatal.json`, at most `FATAL_JSON_BYTES`."""
    fields = {
        "cause": fatal.cause.value,
        "message": fatal.message[:MESSAGE_MAX],
        "shard": fatal.shard,
        "mono_ns": fatal.mono_ns,
        "wall_ns_utc": fatal.wall_ns_utc,
    }
    return jsonlib.canonical(fields) + b"\n"


class FatalLatch:
    """Keeps the first fatal cause, from any thread, and tells one listener once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fatal: Fatal | None = None
        self._listener: Callable[[], object] | None = None

    @property
    def fatal(self) -> Fatal | None:
        """The first cause, None while all is well."""
        return self._fatal

    def set(self, cause: Cause, message: str, shard: int | None = None) -> None:
        """Note a fatal cause; only the first one counts."""
        with self._lock:
            if self._fatal is not None:
                return
            self._fatal = Fatal(cause, message, shard, clock.mono_ns(), clock.wall_ns())
            if self._listener is not None:
                self._listener()

    def listen(self, listener: Callable[[], object] | None) -> None:
        """Call `listener` when a cause is set, at once when it is set already.

        It is called under the latch's lock: after `listen(None)` no call is under way.
        """
        with self._lock:
            self._listener = listener
            if self._fatal is not None and listener is not None:
                listener()


class Reserve:
    """The open file whose space becomes `fatal.json`, and whose rest leaves room for the last manifest."""

    def __init__(self, run_dir: Path, manifest_bytes: int) -> None:
        """Write and sync the reserved space.

        Raises:
            OSError: the disk does not even hold that much.
        """
        self._path = run_dir / "fatal.reserve"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._fd = os.open(self._path, flags, 0o644)
        try:
            # Zeros, not fallocate: on most file systems only written blocks can be written again for certain.
            _write_all(self._fd, bytes(FATAL_JSON_BYTES + 2 * manifest_bytes))
            os.fsync(self._fd)
        except OSError:
            with contextlib.suppress(OSError):
                self.release()
            raise

    def become_fatal_json(self, fatal: Fatal) -> None:
        """Write the cause into the reserved space and rename it to `fatal.json`.

        Raises:
            OSError: the directory cannot be written.
        """
        data = fatal_json(fatal)
        try:
            os.lseek(self._fd, 0, os.SEEK_SET)
            _write_all(self._fd, data)
            os.ftruncate(self._fd, len(data))
            os.fsync(self._fd)
        finally:
            os.close(self._fd)
        replace_file(self._path, self._path.with_name("fatal.json"))
        sync_directory(self._path.parent)

    def release(self) -> None:
        """Give the space back after a run that ended well."""
        os.close(self._fd)
        self._path.unlink()


def write_missing_tokens(run_dir: Path, missing: Mapping[int, list[str]]) -> None:
    """Write `missing_tokens.json`: per shard the tokens that were asked for and have no book.

    Raises:
        OSError: the file cannot be written.
    """
    fields = {f"shard_{shard:02d}": tokens for shard, tokens in sorted(missing.items())}
    (run_dir / "missing_tokens.json").write_bytes(jsonlib.canonical(fields) + b"\n")


def write_last_frames(run_dir: Path, last: Mapping[int, Iterable[Record]]) -> None:
    """Write `last_frames_shard_NN.bin`: the last records the writer was handed, as in a `.frames` file.

    They need not be in the bundle: what could not be written is what one wants to see.

    Raises:
        OSError: a file cannot be written.
    """
    for shard, records in sorted(last.items()):
        data = b"".join(encode_record(record) for record in records)
        (run_dir / f"last_frames_shard_{shard:02d}.bin").write_bytes(data)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
