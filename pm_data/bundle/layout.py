"""Where everything in a run directory is, and how one is made."""

import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pm_data import osdep
from pm_data.bundle.format import frames_name, idx_name
from pm_data.bundle.sealed_format import sealed_name
from pm_data.errors import ConfigError, UsageError

RUN_ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_RUN_ID = re.compile(RUN_ID_PATTERN)

_DEVICE_NAMES = frozenset(
    ["con", "prn", "aux", "nul"] + [f"{port}{digit}" for port in ("com", "lpt") for digit in range(10)]
)
"""Names that Windows gives to devices, whatever follows a dot."""


@dataclass(frozen=True)
class RunDir:
    """The names of everything in one run directory."""

    path: Path

    @property
    def run_id(self) -> str:
        """The run id: the directory's own name."""
        return self.path.name

    @property
    def manifest(self) -> Path:
        """What the run is; changes only as a whole."""
        return self.path / "manifest.json"

    @property
    def lock(self) -> Path:
        """An empty file that the writing process keeps locked."""
        return self.path / "lock"

    @property
    def runlog(self) -> Path:
        """What happened during the run."""
        return self.path / "runlog.ndjson"

    @property
    def fatal(self) -> Path:
        """Why the run ended before its time; absent otherwise."""
        return self.path / "fatal.json"

    @property
    def capture(self) -> Path:
        """The directory of the records."""
        return self.path / "capture"

    @property
    def metrics(self) -> Path:
        """The directory of the measures."""
        return self.path / "metrics"

    def frames(self, shard: int) -> Path:
        """Return where a shard's records are."""
        return self.capture / frames_name(shard)

    def sealed(self, shard: int) -> Path:
        """Return where a shard's records are once it is sealed."""
        return self.capture / sealed_name(shard)

    def idx(self, shard: int) -> Path:
        """Return where a shard's index is."""
        return self.capture / idx_name(shard)


@dataclass(frozen=True)
class OwnedRunDir(RunDir):
    """A run directory that this process made and holds the lock of until `release`."""

    lock_fd: int

    def release(self) -> None:
        """Give the lock back; readers then know that nobody writes any more."""
        os.close(self.lock_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_unused: object) -> None:
        self.release()


def validate_run_id(run_id: str) -> str:
    """Return the run id if it may name a directory on every system (rule X1).

    Raises:
        ConfigError: it may not.
    """
    if not _RUN_ID.fullmatch(run_id):
        raise ConfigError(f"run id {run_id!r} does not match {RUN_ID_PATTERN}")
    if run_id.split(".")[0].lower() in _DEVICE_NAMES:
        raise ConfigError(f"run id {run_id!r} is the name of a device on Windows")
    return run_id


def new_run_id() -> str:
    """Return a run id of the time (UTC) and four random digits."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + "-" + secrets.token_hex(2)


def create_run_dir(data_dir: Path, run_id: str) -> OwnedRunDir:
    """Make `data_dir`/runs/`run_id` with its directories and lock it (rule D10).

    Raises:
        UsageError: the run id is used already, or may not be one.
        OSError: a directory cannot be made.
    """
    run = RunDir(data_dir / "runs" / validate_run_id(run_id))
    _make_directories(run.path.parent)
    try:
        run.path.mkdir()
    except FileExistsError:
        raise UsageError(f"run id {run_id!r} is used already: {run.path} exists") from None
    # Locked before anything can be read: a reader looks for the lock only where a manifest is.
    lock_fd = os.open(run.lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    if not osdep.try_lock(lock_fd):
        os.close(lock_fd)
        raise UsageError(f"{run.lock} is locked by another process")
    run.capture.mkdir()
    run.metrics.mkdir()
    osdep.sync_directory(run.path)
    osdep.sync_directory(run.path.parent)
    return OwnedRunDir(run.path, lock_fd)


def _make_directories(path: Path) -> None:
    """Make a directory and those above it; a power cut takes none of them back."""
    if path.is_dir():
        return
    _make_directories(path.parent)
    path.mkdir(exist_ok=True)
    osdep.sync_directory(path.parent)


def is_being_written(run: RunDir) -> bool:
    """Return whether a process holds the run's lock."""
    try:
        fd = osdep.open_regular(run.lock)
    except OSError:
        return False
    try:
        return osdep.is_locked(fd)
    finally:
        os.close(fd)
