"""How the books of a bundle came out against the venue's own word: per token, and each incident."""

from collections.abc import Iterable
from dataclasses import asdict

from pm_data import _fast
from pm_data._fast.verdicts import Outcomes
from pm_data.frame import Record
from pm_data.jsonlib import JsonObject
from pm_data.state.run_state import RunState


def check_books(records: Iterable[Record], core: _fast.Core | None = None) -> JsonObject:
    """Rebuild every book of a run and check it; docs/book-checks.md says what the fields mean.

    Args:
        core: the set of twins to use; the one in force unless a test compares both.

    Returns:
        What `capture-verify --books` prints: `ok`, `totals`, `tokens`, `incidents`.

    Raises:
        UsageError, DamageError: as `RunState.apply`.
    """
    state = RunState(core, book_checks="count")
    last_ns = 0
    for record in records:
        state.apply(record)
        last_ns = record.rx_mono_ns
    state.store.finish(last_ns, 0)
    tokens = []
    for asset_id, outcomes in state.store.outcomes().items():
        market = state.store.market(asset_id)
        assert market is not None
        tokens.append({"asset_id": asset_id, "market": market.market, **outcomes._asdict()})
    counters = state.store.counters()
    totals = {name: counters[name] for name in (*Outcomes._fields, "hash_incidents")}
    failed = totals["hash_failed"] + totals["best_differed"] + totals["mirror_differed"]
    incidents = [asdict(incident) for incident in state.store.incidents()]
    return {"ok": failed == 0, "totals": totals, "tokens": tokens, "incidents": incidents}
