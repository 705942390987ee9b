"""Markets as Gamma lists them, and how they are spread over connections.

Gamma's types are odd (PROTOCOL 2): lists come as JSON-encoded text, flags may
be missing, prices are JSON numbers. Every function here takes any value.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pm_data import jsonlib
from pm_data.jsonlib import JsonObject

_ID = re.compile(r"[!#-\[\]-{}~]{1,128}")
"""Visible ASCII without quote, backslash and bar, which mean something in JSON text and intent lines."""

_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Market:
    """One active binary market.

    Args:
        asset_ids: the two tokens, in the order of `outcomes`.
        tick_size: exact decimal text such as `0.001`; empty where the venue gave none.
        order_min_size: exact decimal text; empty where the venue gave none. The book hash needs it.
        fee_schedule: the venue's own keys, numbers as exact decimal text.
        volume: for ordering only; no part of `metadata`.
    """

    condition_id: str
    slug: str
    question: str
    asset_ids: tuple[str, str]
    outcomes: tuple[str, str]
    tick_size: str
    order_min_size: str
    neg_risk: bool
    fees_enabled: bool
    fee_schedule: JsonObject | None = field(hash=False)
    volume: float

    def metadata(self) -> JsonObject:
        """Return what universe records and the manifest hold about the market."""
        return {
            "condition_id": self.condition_id,
            "slug": self.slug,
            "question": self.question,
            "asset_ids": list(self.asset_ids),
            "outcomes": list(self.outcomes),
            "tick_size": self.tick_size,
            "order_min_size": self.order_min_size,
            "neg_risk": self.neg_risk,
            "fees_enabled": self.fees_enabled,
            "fee_schedule": self.fee_schedule,
        }

    @classmethod
    def from_gamma(cls, listed: object) -> "Market | None":
        """Return the market of one Gamma object; None where it is no active binary market (PROTOCOL 2)."""
        return cls.described(listed) if isinstance(listed, Mapping) and _trades(listed) else None

    @classmethod
    def described(cls, listed: Mapping[str, Any]) -> "Market | None":
        """Return the market of one Gamma object, active or not; None where it is no binary market."""
        condition_id = listed.get("conditionId")
        asset_ids = _pair(listed.get("clobTokenIds"))
        outcomes = _pair(listed.get("outcomes"))
        if not isinstance(condition_id, str) or not _ID.fullmatch(condition_id):
            return None
        if asset_ids is None or outcomes is None or asset_ids[0] == asset_ids[1]:
            return None
        if not all(_ID.fullmatch(asset_id) for asset_id in asset_ids):
            return None
        return cls(
            condition_id=condition_id,
            slug=_text(listed.get("slug")),
            question=_text(listed.get("question")),
            asset_ids=asset_ids,
            outcomes=outcomes,
            tick_size=_decimal_text(listed.get("orderPriceMinTickSize")),
            order_min_size=_decimal_text(listed.get("orderMinSize")),
            neg_risk=listed.get("negRisk") is True,
            fees_enabled=listed.get("feesEnabled") is True,
            fee_schedule=_fee_schedule(listed.get("feeSchedule")),
            volume=_volume(listed),
        )


def plan_shards(markets: list[Market], ws_shards: int, ws_tokens_per_shard_max: int) -> list[list[Market]]:
    """Spread markets evenly over connections, both tokens of a market on one.

    At least `ws_shards` of them, more where `ws_tokens_per_shard_max` demands it,
    never more than there are markets. Neighbours in the list, which are alike in
    volume, go to different connections.
    """
    needed = -(-len(markets) // (ws_tokens_per_shard_max // 2))
    count = min(max(ws_shards, needed), len(markets))
    return [markets[shard::count] for shard in range(count)]


def _trades(listed: Mapping[str, Any]) -> bool:
    """Hold the flags against the rule; endDate is no part of it, 1,970 markets outlived theirs."""
    return (
        listed.get("active") is True
        and listed.get("closed") in (False, None)
        and listed.get("archived") in (False, None)
        and listed.get("enableOrderBook") is True
        and listed.get("acceptingOrders") is True
    )


def _text(value: object) -> str:
    # A lone surrogate, which JSON can express, has no UTF-8 and could not be recorded.
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""


def _pair(value: object) -> tuple[str, str] | None:
    """Return the two texts of a list, which Gamma sends as JSON-encoded text."""
    if isinstance(value, str):
        try:
            value = jsonlib.loads(value)
        except ValueError:
            return None
    if not isinstance(value, list) or len(value) != 2:
        return None
    first, second = value
    if not isinstance(first, str) or not isinstance(second, str):
        return None
    return _text(first), _text(second)


def _decimal_text(value: object) -> str:
    """Return a number as plain decimal text, exactly as it was printed; empty where it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = value if isinstance(value, str) else repr(value)
    if not _NUMBER.fullmatch(text):
        return ""
    return format(Decimal(text), "f") if "e" in text.lower() else text


def _fee_schedule(value: object) -> JsonObject | None:
    if not isinstance(value, Mapping):
        return None
    schedule: JsonObject = {}
    for key, entry in value.items():
        if isinstance(entry, bool):
            schedule[_text(key)] = entry
        elif text := _decimal_text(entry):
            schedule[_text(key)] = text
    return schedule or None


def _volume(listed: Mapping[str, Any]) -> float:
    text = _decimal_text(listed.get("volumeNum")) or _decimal_text(listed.get("volume"))
    volume = float(text or "0")
    return volume if math.isfinite(volume) else 0.0
