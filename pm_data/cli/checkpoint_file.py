"""Files of checkpoints: NDJSON, the number of events from one to the next first."""

from pathlib import Path
from typing import TYPE_CHECKING

from pm_data import jsonlib
from pm_data.errors import UsageError

if TYPE_CHECKING:
    from pm_data.runtime.checkpoints import Checkpoint

_EVERY = "checkpoint_events"


def header_line(every_events: int) -> str:
    """Return the first line."""
    return jsonlib.ndjson_line({_EVERY: every_events})


def checkpoint_line(mark: "Checkpoint") -> str:
    """Return a checkpoint's line."""
    return jsonlib.ndjson_line(mark._asdict())


def read_checkpoints(path: Path) -> tuple[int, "list[Checkpoint]"]:
    """Return the number of events from one checkpoint to the next, and the checkpoints.

    Raises:
        UsageError: the file cannot be read, or is something else.
    """
    from pm_data.runtime.checkpoints import Checkpoint

    try:
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        every = jsonlib.loads_object(header)[_EVERY]
        marks = [Checkpoint(**jsonlib.loads_object(line)) for line in lines]
    except OSError as error:
        raise UsageError(f"cannot open {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(
            f"{path} is neither a run directory nor a file that run --checkpoints wrote"
        ) from None
    if type(every) is not int or not all(type(mark.seq) is int for mark in marks):
        raise UsageError(f"{path}: expected whole numbers as {_EVERY} and seq")
    return every, marks
