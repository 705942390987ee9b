"""What the client sends on a market connection: the subscription, its changes, the heartbeat."""

from collections.abc import Sequence

from pm_data import jsonlib

IDS_PER_FRAME = 100
"""Most asset ids in one frame; frames with thousands made the venue close at once (PROTOCOL 1.2)."""

PING = b"PING"
"""The heartbeat is a text message; the WebSocket's own ping is not what the venue watches."""


def subscription(asset_ids: Sequence[str]) -> list[bytes]:
    """Return the frames that open a connection's subscription; the first must be its first message (W7)."""
    opening = {
        "assets_ids": list(asset_ids[:IDS_PER_FRAME]),
        "type": "market",
        "custom_feature_enabled": True,
        "initial_dump": True,
        "level": 2,
    }
    return [_frame(opening), *subscribe(asset_ids[IDS_PER_FRAME:])]


def subscribe(asset_ids: Sequence[str]) -> list[bytes]:
    """Return the frames that add tokens on an open connection."""
    return _operation("subscribe", asset_ids)


def unsubscribe(asset_ids: Sequence[str]) -> list[bytes]:
    """Return the frames that end tokens on an open connection."""
    return _operation("unsubscribe", asset_ids)


def _operation(operation: str, asset_ids: Sequence[str]) -> list[bytes]:
    # The venue applies the custom flag of every such frame, so each one says it again.
    return [
        _frame(
            {
                "assets_ids": list(asset_ids[start : start + IDS_PER_FRAME]),
                "operation": operation,
                "custom_feature_enabled": True,
            }
        )
        for start in range(0, len(asset_ids), IDS_PER_FRAME)
    ]


def _frame(message: jsonlib.JsonObject) -> bytes:
    return jsonlib.dumps(message).encode("ascii")
