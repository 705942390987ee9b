"""Frames in the venue's forms, for tests; ids are short where the venue's are long."""

import json

A, B = "111", "222"
MARKET = "0xabc"


def book(asset_id=A, bids=(("0.40", "10"),), asks=(("0.46", "20"),), timestamp="1000", **more):
    """Return a book frame; levels are (price, size) in wire order."""
    message = {
        "market": MARKET,
        "asset_id": asset_id,
        "timestamp": timestamp,
        "hash": "00",
        "bids": [{"price": price, "size": size} for price, size in bids],
        "asks": [{"price": price, "size": size} for price, size in asks],
        "event_type": "book",
    }
    return encode(message | more)


def change(*entries, timestamp="1001", **more):
    """Return a price_change frame of entries (asset_id, side, price, size)."""
    message = {
        "market": MARKET,
        "price_changes": [
            {"asset_id": asset_id, "price": price, "size": size, "side": side, "hash": "00"}
            for asset_id, side, price, size in entries
        ],
        "timestamp": timestamp,
        "event_type": "price_change",
    }
    return encode(message | more)


def trade(asset_id=A, price="0.46", size="5", side="BUY", timestamp="1002", **more):
    """Return a last_trade_price frame."""
    message = {
        "market": MARKET,
        "asset_id": asset_id,
        "price": price,
        "size": size,
        "fee_rate_bps": "0",
        "side": side,
        "timestamp": timestamp,
        "event_type": "last_trade_price",
        "transaction_hash": "0x1",
    }
    return encode(message | more)


def encode(message):
    """Return compact JSON bytes."""
    return json.dumps(message, separators=(",", ":")).encode()
