"""How repair and sealing change a run that has ended: under its lock, by whole new files."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pm_data import osdep
from pm_data.bundle.layout import RunDir
from pm_data.errors import UsageError

OPEN_FLAGS = os.O_RDWR | sum(getattr(os, name, 0) for name in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK"))
"""For a file of a run that is written: never a link, never a wait for a pipe."""


@contextlib.contextmanager
def owned(run: RunDir, what: str) -> Iterator[None]:
    """Hold the run's lock, so that nobody else writes.

    Args:
        what: is to be done with the run, for people.

    Raises:
        UsageError: a process is writing it, or its lock is no regular file.
        OSError: the lock cannot be made.
    """
    if os.path.lexists(run.lock) and not stat.S_ISREG(os.lstat(run.lock).st_mode):
        raise UsageError(f"cannot {what} {run.path}: {run.lock} is not a regular file")
    fd = os.open(run.lock, OPEN_FLAGS | os.O_CREAT, 0o644)
    try:
        if not osdep.try_lock(fd):
            raise UsageError(f"cannot {what} {run.path}: a process is writing it")
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[int]:
    """Open a file to write that becomes `path` when all of it is safe on the disk, and else is no more."""
    temporary = path.with_name(path.name + ".tmp")
    fd = os.open(temporary, OPEN_FLAGS | os.O_CREAT | os.O_TRUNC, 0o644)
    done = False
    try:
        try:
            yield fd
            os.fsync(fd)
        finally:
            os.close(fd)
        osdep.replace_file(temporary, path)
        done = True
    finally:
        if not done:
            with contextlib.suppress(OSError):
                temporary.unlink()
    osdep.sync_directory(path.parent)


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`.

    Raises:
        OSError: the disk refused.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
