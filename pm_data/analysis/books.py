"""How the books of a bundle came out against the venue's own word: per token, and each incident."""

from collections.abc import Iterable
from dataclasses import asdict

from pm_data import _fast
from pm_data._fast.verdicts import Outcomes
from pm_data.frame import Record
from pm_data.jsonlib import JsonObject
from pm_data.state.run_state import RunState


class CheckedBooks:
    """Rebuilds every book of a run and checks it; docs/book-checks.md says what the fields mean.

    Args:
        core: the set of twins to use; the one in force unless a test compares both.
    """

    def __init__(self, core: _fast.Core | None = None) -> None:
        self._state = RunState(core, book_checks="count")
        self._last_ns = 0

    def apply(self, record: Record) -> None:
        """Take a record into account.

        Raises:
            UsageError, DamageError: as `RunState.apply`.
        """
        self._state.apply(record)
        self._last_ns = record.rx_mono_ns

    def finish(self) -> JsonObject:
        """Judge what is still open and return what `capture-verify --books` prints."""
        store = self._state.store
        store.finish(self._last_ns, 0)
        tokens = []
        for asset_id, outcomes in store.outcomes().items():
            market = store.market(asset_id)
            assert market is not None
            tokens.append({"asset_id": asset_id, "market": market.market, **outcomes._asdict()})
        counters = store.counters()
        totals = {name: counters[name] for name in (*Outcomes._fields, "hash_incidents")}
        failed = totals["hash_failed"] + totals["best_differed"] + totals["mirror_differed"]
        incidents = [asdict(incident) for incident in store.incidents()]
        return {"ok": failed == 0, "totals": totals, "tokens": tokens, "incidents": incidents}


def check_books(records: Iterable[Record], core: _fast.Core | None = None) -> JsonObject:
    """Check every book of a run, as `CheckedBooks`.

    Returns:
        `ok`, `totals`, `tokens`, `incidents`.

    Raises:
        UsageError, DamageError: as `RunState.apply`.
    """
    checks = CheckedBooks(core)
    for record in records:
        checks.apply(record)
    return checks.finish()
