"""A bundle read as far as it can be, for the commands that print what a damaged one still holds."""

from collections.abc import Iterable
from pathlib import Path

from pm_data.bundle.damage import Damage
from pm_data.bundle.opening import open_bundle
from pm_data.cli import output
from pm_data.frame import Record


class Readable:
    """What can be read of a run; what is skipped is named on stderr.

    Raises:
        UsageError: as `open_bundle`.

    Attributes:
        exit_code: 1 once anything was skipped, else 0.
    """

    def __init__(self, command: str, run_dir: Path) -> None:
        self.exit_code = 0
        self._command = command
        self._bundle = open_bundle(run_dir)
        for damage in self._bundle.damage:
            self._report(damage)

    def records(self) -> Iterable[Record]:
        """Return the records in replay order, a gap in the place of what was skipped."""
        return self._bundle.replay_records(self._report, self._report)

    def _report(self, damage: Damage) -> None:
        self.exit_code = 1
        output.note(f"pm_data {self._command}: {damage}")
