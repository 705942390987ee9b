"""Books at chosen moments of a run: level by level, as the records up to there left them."""

from collections.abc import Iterable, Iterator

from pm_data._fast import store
from pm_data.frame import Record
from pm_data.jsonlib import JsonObject
from pm_data.state.run_state import RunState


def book_lines(
    records: Iterable[Record],
    *,
    asset_ids: list[str],
    depth: int | None,
    at_ns: int | None = None,
    every_ns: int | None = None,
    book_checks: str = "off",
) -> Iterator[JsonObject]:
    """Yield each token's book at each moment; moments are receive stamps in ns, and include their records.

    Args:
        asset_ids: the tokens; empty for all.
        depth: levels of each side; None for all.
        at_ns: the one moment.
        every_ns: the first record's stamp and each whole number of these after it, as far as records go. With
            neither, the moment is the last record's stamp.
        book_checks: as `StateStore`.

    Raises:
        UsageError, DamageError: as `RunState.apply`.
    """
    state = RunState(book_checks=book_checks)
    moment_ns = at_ns
    last_ns = None
    for record in records:
        last_ns = record.rx_mono_ns
        if moment_ns is None and every_ns is not None:
            moment_ns = last_ns
        while moment_ns is not None and last_ns > moment_ns:
            yield from _lines(state.store, moment_ns, asset_ids, depth)
            if every_ns is None:
                return
            moment_ns += every_ns
        state.apply(record)
    if last_ns is not None and (every_ns is None or moment_ns == last_ns):
        yield from _lines(state.store, last_ns if moment_ns is None else moment_ns, asset_ids, depth)


def _lines(
    state: store.StateStore, moment_ns: int, asset_ids: list[str], depth: int | None
) -> Iterator[JsonObject]:
    for asset_id in asset_ids or state.asset_ids():
        market = state.market(asset_id)
        if market is not None:
            yield {
                "at_ns": moment_ns,
                "market_id": asset_id,
                "market": market.market,
                "status": market.status,
                "cause": market.cause,
                "ts_event": market.ts_event,
                "ts_recv": market.ts_recv,
                "seq": market.sequence,
                "bids": market.bids(depth),
                "asks": market.asks(depth),
            }
