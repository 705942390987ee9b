"""`runlog.ndjson`: what happened in a run, one line each."""

from pm_data import clock
from pm_data.capture.journal import Journal
from pm_data.jsonlib import JsonObject

NAME = "runlog.ndjson"


class RunLog:
    """Appends stamped lines to the run log; callable from any thread, never blocks."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def append(self, record_type: str, fields: JsonObject) -> None:
        """Write one line of this type, stamped with both clocks."""
        stamps = {"mono_ns": clock.mono_ns(), "wall_ns_utc": clock.wall_ns()}
        self._journal.append(NAME, {"record_type": record_type, **stamps, **fields})
