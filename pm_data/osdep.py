"""Everything that differs between operating systems, in one place.

The Windows branches follow the documentation of msvcrt, winmm and
ReplaceFile; they were never run by us.
"""

import contextlib
import errno
import io
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

WINDOWS = sys.platform == "win32"

_REPLACE_RETRY_SECONDS = 1.0

mono_ns: Callable[[], int] = time.perf_counter_ns if WINDOWS else time.monotonic_ns
"""The monotonic clock in ns. On Windows `time.monotonic_ns` ticks only every 15.6 ms."""


def print_exactly(stream: object) -> None:
    """Make a text stream write UTF-8 and LF, whatever the system and the locale would write (rule H1).

    Windows would end lines with CR LF, and encode what goes to a pipe by its code page.
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")


def sync_data(fd: int) -> None:
    """Force a file's data to the disk.

    Raises:
        OSError: the disk refused; the data's state is then unknown, never try again.
    """
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        os.fsync(fd)


def sync_directory(path: Path) -> None:
    """Force a directory's entries to the disk; Windows offers no such call, there it does nothing."""
    if WINDOWS:
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_file(source: Path, target: Path) -> None:
    """Rename `source` over `target`.

    On Windows a virus scanner may hold the target for a moment: tried again for a second.
    """
    deadline = time.monotonic() + _REPLACE_RETRY_SECONDS
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if not WINDOWS or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)


def write_file_atomically(path: Path, data: bytes) -> None:
    """Make `path` hold `data` or what it held before, whatever happens in between (rule D10)."""
    temporary = path.with_name(path.name + ".tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o644)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        replace_file(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_directory(path.parent)


def try_lock(fd: int) -> bool:
    """Take an exclusive lock on an open file; False when another process holds it."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_locked(fd: int) -> bool:
    """Return whether another open of this file holds its lock; two who ask do not disturb each other."""
    if sys.platform == "win32":
        import msvcrt

        if not try_lock(fd):
            return True
        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)
        return False
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False


def usable_processors() -> int:
    """Return how many processors this process may use, where the system says so, else how many there are."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def lower_thread_priority() -> None:
    """Let the calling thread give way to the others, where the system knows a thread's own priority."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def open_regular(path: Path) -> int:
    """Open a regular file for reading and return its descriptor; never wait, never follow a link (rule X1).

    Raises:
        FileNotFoundError: there is nothing.
        OSError: it is a link, a pipe or another thing that is no regular file, or it may not be read.
    """
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    flags = ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")
    fd = os.open(path, os.O_RDONLY | sum(getattr(os, name, 0) for name in flags))
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return fd


def next_data(fd: int, offset: int) -> int | None:
    """Return where the next bytes at or after `offset` are that are no hole; None where none follow.

    Systems that do not tell holes apart answer `offset`. The file's position afterwards is undefined.
    """
    if not hasattr(os, "SEEK_DATA"):
        return offset
    try:
        return os.lseek(fd, offset, os.SEEK_DATA)
    except OSError as error:
        return None if error.errno == errno.ENXIO else offset


@contextlib.contextmanager
def stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on SIGINT and SIGTERM (Ctrl-C and Ctrl-Break on Windows) while the block runs.

    A second signal takes the default way, so that a stop that hangs can still be ended.
    Outside the main thread nothing is installed: Python allows handlers only there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = ("SIGINT", "SIGBREAK") if WINDOWS else ("SIGINT", "SIGTERM")
    numbers = [getattr(signal, name) for name in names]
    previous = {number: signal.getsignal(number) for number in numbers}

    def handler(number: int, _frame: object) -> None:
        signal.signal(number, previous[number])
        stop()

    for number in numbers:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, previous[number])


@contextlib.contextmanager
def high_resolution_timer(enabled: bool) -> Iterator[None]:
    """Ask Windows for 1 ms timer ticks while the block runs (timeBeginPeriod); elsewhere do nothing."""
    if not enabled or sys.platform != "win32":
        yield
        return
    import ctypes

    winmm = ctypes.WinDLL("winmm")
    winmm.timeBeginPeriod(1)
    try:
        yield
    finally:
        winmm.timeEndPeriod(1)
