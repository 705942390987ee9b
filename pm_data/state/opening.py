"""The marked records that bring a replay which begins at a cut to where one from the start would be.

First what every shard knew: markets, open connections, who owns what. Then, token
by token, its state, and the book of one that is live: its top is the only event.
docs/bundle-format.md says what a reader may rely on.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterator
from functools import partial
from itertools import count
from typing import NamedTuple

from pm_data._fast import e6, store
from pm_data.frame import FLAG_MARKED, Control, Kind, Record, control_flags, control_payload
from pm_data.jsonlib import JsonObject
from pm_data.state.carried import ascii_json, carried_payload, is_carried
from pm_data.state.run_state import RunState

_FRAME = 0


class _Part(NamedTuple):
    """A record to come; its payload is made when it is needed, so that only one is in memory."""

    shard: int
    conn: int
    control: int
    payload: Callable[[], bytes]


def opening_records(
    state: RunState,
    cut_mono_ns: int,
    cut_wall_ns_utc: int,
    left_out: Container[str] = (),
    book: Callable[[store.MarketState], bytes] | None = None,
) -> Iterator[Record]:
    """Yield the records that stand for everything before the cut, for each shard that had any.

    The stamps are the nanoseconds before that of the cut, strictly increasing over all shards.

    Args:
        state: must not change while this is used.
        left_out: tokens that nothing is told of; no connection owns them.
        book: returns what `book_payload` does; None for that.
    """
    markets = [market for market in _markets(state) if market.market_id not in left_out]
    parts = [*_surroundings(state, markets, left_out), *_tokens(state, markets, book or book_payload)]
    seqs: defaultdict[int, Iterator[int]] = defaultdict(count)
    for stamp, part in enumerate(parts, cut_mono_ns - len(parts)):
        is_frame = part.control == _FRAME
        yield Record(
            shard=part.shard,
            seq=next(seqs[part.shard]),
            kind=Kind.TEXT if is_frame else Kind.CONTROL,
            control=part.control,
            flags=FLAG_MARKED | (0 if is_frame else control_flags(Control(part.control))),
            conn=part.conn,
            rx_mono_ns=stamp,
            rx_wall_ns_utc=cut_wall_ns_utc,
            payload=part.payload(),
        )


def _surroundings(
    state: RunState, markets: list[store.MarketState], left_out: Container[str]
) -> Iterator[_Part]:
    owned: defaultdict[int, list[str]] = defaultdict(list)
    for market in markets:
        owned[market.connection].append(market.market_id)
    for shard, universe in sorted(state.universes.items()):
        fields: JsonObject = {
            "markets": [
                metadata
                for metadata in universe.markets.values()
                if not _is_left_out(metadata["asset_ids"], left_out)
            ],
            "removed": [asset_id for asset_id in universe.removed if asset_id not in left_out],
        }
        yield _Part(shard, 0, Control.UNIVERSE, partial(control_payload, fields))
        for conn, connection in state.connections.items():
            if connection.shard != shard:
                continue
            if connection.opened is not None:
                yield _Part(shard, conn, Control.OPENED, partial(bytes, connection.opened))
            if conn and conn in owned:
                fields = {"tokens": owned[conn], "reason": "carried"}
                yield _Part(shard, conn, Control.SUBSCRIBED, partial(control_payload, fields))


def _tokens(
    state: RunState, markets: list[store.MarketState], book: Callable[[store.MarketState], bytes]
) -> Iterator[_Part]:
    for market in markets:
        shard, conn = state.shard_of(market), market.connection
        if is_carried(market):
            yield _Part(shard, conn, Control.CARRIED, partial(carried_payload, market))
        if market.status == "live":
            yield _Part(shard, conn, _FRAME, partial(book, market))


def _is_left_out(asset_ids: list[str], left_out: Container[str]) -> bool:
    return bool(asset_ids) and all(asset_id in left_out for asset_id in asset_ids)


def _markets(state: RunState) -> Iterator[store.MarketState]:
    for asset_id in state.store.asset_ids():
        market = state.store.market(asset_id)
        assert market is not None
        yield market


def book_payload(market: store.MarketState) -> bytes:
    """Return the token's book as the venue sends it first; what is absent is left out, as is the hash."""
    fields = {
        "market": market.market,
        "asset_id": market.market_id,
        "timestamp": None if market.ts_event is None else str(market.ts_event // 1_000_000),
        "bids": _wire_levels(market.bids()),
        "asks": _wire_levels(market.asks()),
        "tick_size": _decimal(market.tick_size_e6),
        "event_type": "book",
        "last_trade_price": _decimal(market.last_trade_price_e6),
    }
    return ascii_json({key: value for key, value in fields.items() if value is not None})


def _wire_levels(levels: list[tuple[int, int]]) -> list[JsonObject]:
    """Return levels as the venue lists them: the best one last."""
    return [{"price": e6.from_e6(price), "size": e6.from_e6(size)} for price, size in reversed(levels)]


def _decimal(value_e6: int | None) -> str | None:
    return None if value_e6 is None else e6.from_e6(value_e6)
