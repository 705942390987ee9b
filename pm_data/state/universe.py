"""The markets that a run's universe records name."""

from typing import Any

from pm_data._fast import e6
from pm_data._fast.ops import MarketFacts
from pm_data.errors import BadNumberError, DamageError, E6OverflowError
from pm_data.frame import Record, control_fields
from pm_data.jsonlib import JsonObject


class Universe:
    """Follows universe records, those of one shard or of all.

    Args:
        markets: metadata of every market ever named, as it was last stated, by condition id.
        removed: tokens that were removed and not named again, in order.
    """

    def __init__(self) -> None:
        self.markets: dict[str, JsonObject] = {}
        self.removed: dict[str, None] = {}

    def apply(self, record: Record) -> list[JsonObject]:
        """Take a universe record into account, and return the metadata that it states.

        Raises:
            DamageError: its payload is not what its type demands.
        """
        fields = _fields(record)
        for metadata in fields["markets"]:
            self.markets[metadata["condition_id"]] = metadata
            for asset_id in metadata["asset_ids"]:
                self.removed.pop(asset_id, None)
        self.removed |= dict.fromkeys(fields["removed"])
        stated: list[JsonObject] = fields["markets"]
        return stated

    def listed(self) -> list[JsonObject]:
        """Return the metadata of the markets that have a token which was not removed."""
        return [
            metadata
            for metadata in self.markets.values()
            if any(asset_id not in self.removed for asset_id in metadata["asset_ids"])
        ]


def stated_facts(record: Record) -> list[MarketFacts]:
    """Return what a universe record says of its markets, for the books and their checks.

    Raises:
        DamageError: its payload is not what its type demands.
    """
    return [
        MarketFacts(
            metadata["condition_id"],
            tuple(metadata["asset_ids"]),
            _positive_e6(metadata.get("tick_size")),
            _positive_e6(metadata.get("order_min_size")),
            metadata["neg_risk"] if isinstance(metadata.get("neg_risk"), bool) else None,
        )
        for metadata in _fields(record)["markets"]
    ]


def _positive_e6(text: object) -> int | None:
    if not isinstance(text, str):
        return None
    try:
        return e6.to_e6(text) or None
    except (BadNumberError, E6OverflowError):
        return None


def _fields(record: Record) -> JsonObject:
    try:
        fields = control_fields(record)
    except ValueError:
        fields = {}
    markets, removed = fields.get("markets"), fields.get("removed")
    if not (isinstance(markets, list) and all(map(_is_metadata, markets)) and _is_text_list(removed)):
        raise DamageError(f"shard {record.shard} record {record.seq}: the universe record lists no markets")
    return fields


def _is_metadata(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("condition_id"), str)
        and _is_text_list(value.get("asset_ids"))
    )


def _is_text_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
