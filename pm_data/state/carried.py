"""The payload of a carried record: what one token was in before a cut.

Its keys are those of `TokenState` and `asset_id`. Nothing of a stranger's file is
believed: a StateStore takes only states that a token can be in.
"""

import json
from itertools import pairwise
from typing import Any

from pm_data._fast import store
from pm_data._fast.ops import TokenState
from pm_data.errors import DamageError
from pm_data.frame import Record, control_fields
from pm_data.jsonlib import JsonObject

MAX_PRICE_E6 = 1_000_000
MAX_SIZE_E6 = 9 * 10**15
_MAX_INT64 = 2**63 - 1

_TOPS = ("bid_px_e6", "bid_sz_e6", "ask_px_e6", "ask_sz_e6")
_STATUSES = ("new", "suspect", "resolved")
_PRICES = ("bid_px_e6", "ask_px_e6", "tick_size_e6", "last_trade_price_e6")
_SIZES = ("bid_sz_e6", "ask_sz_e6", "last_trade_size_e6")


def is_carried(market: store.MarketState) -> bool:
    """Return whether a token has a state that its book, if it is live, does not bring."""
    if market.status == "live":
        return market.last_trade_size_e6 is not None
    if market.status == "new":
        return market.tick_size_e6 is not None or market.last_trade_price_e6 is not None
    return True


def carried_payload(market: store.MarketState) -> bytes:
    """Return the payload of a token's carried record.

    One that is live is new there, until its book, which follows.
    """
    fields: JsonObject = {"asset_id": market.market_id, "bids": market.bids(), "asks": market.asks()}
    fields |= {name: getattr(market, name) for name in TokenState._fields if name not in fields}
    if market.status in ("new", "live"):
        fields |= {"status": "new", "bids": [], "asks": [], **dict.fromkeys(_TOPS)}
    return ascii_json(dict(sorted(fields.items())))


def ascii_json(fields: JsonObject) -> bytes:
    """Return JSON with all else escaped: a market's name may be text that UTF-8 cannot write."""
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


def carried_state(record: Record) -> tuple[str, TokenState]:
    """Return the token of a carried record, and its state.

    Raises:
        DamageError: the payload is no state that a token can be in.
    """
    try:
        fields = control_fields(record)
    except ValueError:
        fields = {}
    if not _is_state(fields):
        raise DamageError(
            f"shard {record.shard} record {record.seq}: the carried record holds no token's state"
        )
    values = {name: fields[name] for name in TokenState._fields}
    values["bids"] = [(price, size) for price, size in fields["bids"]]
    values["asks"] = [(price, size) for price, size in fields["asks"]]
    return fields["asset_id"], TokenState(**values)


def _is_state(fields: JsonObject) -> bool:
    return (
        fields.keys() >= {"asset_id", *TokenState._fields}
        and isinstance(fields["asset_id"], str)
        and isinstance(fields["market"], str | None)
        and fields["status"] in _STATUSES
        and isinstance(fields["cause"], str)
        and _is_within(fields["ts_event"], 0, _MAX_INT64)
        and all(_is_within(fields[name], 1, MAX_PRICE_E6) for name in _PRICES)
        and all(_is_within(fields[name], 0, MAX_SIZE_E6) for name in _SIZES)
        and (fields["bid_px_e6"] is None) == (fields["bid_sz_e6"] is None)
        and (fields["ask_px_e6"] is None) == (fields["ask_sz_e6"] is None)
        and _is_side(fields["bids"], 1)
        and _is_side(fields["asks"], -1)
    )


def _is_within(value: Any, low: int, high: int) -> bool:
    return value is None or (type(value) is int and low <= value <= high)


def _is_side(levels: Any, sign: int) -> bool:
    """Return whether these are levels, best first, no price twice."""
    if not isinstance(levels, list):
        return False
    for level in levels:
        if not isinstance(level, list) or len(level) != 2 or None in level:
            return False
        if not _is_within(level[0], 1, MAX_PRICE_E6) or not _is_within(level[1], 1, MAX_SIZE_E6):
            return False
    return all(sign * better[0] > sign * worse[0] for better, worse in pairwise(levels))
