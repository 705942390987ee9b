"""Counts what a session reports, for metrics and for the person at the terminal."""

import threading
from collections import Counter

from pm_data.capture.runlog import RunLog
from pm_data.jsonlib import JsonObject


class Tally:
    """Passes a session's events on to the run log and counts them; any thread may read."""

    def __init__(self, runlog: RunLog) -> None:
        self._runlog = runlog
        self._lock = threading.Lock()
        self._reconnects: Counter[str] = Counter()

    def note(self, record_type: str, fields: JsonObject) -> None:
        """Take one event."""
        if record_type == "reconnect":
            with self._lock:
                self._reconnects[str(fields.get("cause"))] += 1
        self._runlog.append(record_type, fields)

    def reconnects(self) -> dict[str, int]:
        """Return how many reconnects there were, by cause."""
        with self._lock:
            return dict(sorted(self._reconnects.items()))
