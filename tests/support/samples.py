"""Frames of every message type, in the venue's key orders and white-space styles (PROTOCOL.md 1.3)."""

import json

from support.frames import MARKET, A, B

STYLES = [(",", ":"), (", ", ":"), (", ", ": ")]
"""The venue's two styles, and one that it does not use."""


def entry(asset_id, side, price, size, best_bid="0.4", best_ask="0.46"):
    """Return an entry of a price_change."""
    checks = {"hash": "0f", "best_bid": best_bid, "best_ask": best_ask}
    return {"asset_id": asset_id, "price": price, "size": size, "side": side} | checks


def price_change(*entries):
    """Return a price_change message."""
    return {
        "market": MARKET,
        "price_changes": list(entries),
        "timestamp": "1001",
        "event_type": "price_change",
    }


def last_trade(price="0.46", size="219.217767"):
    """Return a last_trade_price message."""
    head = {"market": MARKET, "asset_id": A, "price": price, "size": size, "fee_rate_bps": "0"}
    tail = {"side": "BUY", "timestamp": "1002", "event_type": "last_trade_price", "transaction_hash": "0x1"}
    return head | tail


def sides(bids=(("0.3", "5"), ("0.4", "10.5")), asks=(("0.48", "7"), ("0.46", "20"))):
    """Return both sides of a book, each from the worst level to the best."""
    bids = [{"price": price, "size": size} for price, size in bids]
    return {"bids": bids, "asks": [{"price": price, "size": size} for price, size in asks]}


def later_book(asset_id=A, **levels):
    """Return a book message as it follows a trade."""
    head = {"market": MARKET, "asset_id": asset_id}
    return head | sides(**levels) | {"hash": "0f", "timestamp": "1003", "event_type": "book"}


def opening_book(asset_id=A, last_trade_price="0.450", **levels):
    """Return a book message of an opening frame."""
    head = {"market": MARKET, "asset_id": asset_id, "timestamp": "1000", "hash": "0f"}
    tail = {"tick_size": "0.01", "event_type": "book", "last_trade_price": last_trade_price}
    return head | sides(**levels) | tail


def usual_messages():
    """Return one message of each shape that makes up nearly all traffic."""
    legs = [entry(A, "BUY", "0.41", "1"), entry(B, "SELL", "0.44", "2.25")]
    return [
        price_change(*legs),
        price_change(legs[1]),
        last_trade(),
        later_book(),
        later_book(bids=[], asks=[("0.46", "20")]),
        [opening_book()],
        [opening_book(A, ""), opening_book(B, bids=[(f"0.{number}", "5") for number in range(10, 40)])],
    ]


def rarer_messages():
    """Return a message of each other type, the older forms of price_change, and a mixed list."""
    common = {"market": MARKET, "asset_id": A, "timestamp": "9"}
    old = common | {"event_type": "price_change", "hash": "00"}
    level = {"price": "0.3", "side": "BUY", "size": "4"}
    new = {"id": "1", "question": "é?", "slug": "a", "outcomes": ["Yes", "No"], "event_type": "new_market"}
    new |= {"event_message": {"id": "2"}, "active": True, "line": 0.5, "fee_schedule": {"rate": 0.05}}
    resolved = {"assets_ids": [A, B], "winning_asset_id": A, "event_type": "market_resolved"}
    tick = {"old_tick_size": "0.01", "new_tick_size": "0.001", "event_type": "tick_size_change"}
    return [
        common | tick,
        common | {"best_bid": "0.4", "best_ask": "0.46", "spread": "0.06", "event_type": "best_bid_ask"},
        common | new,
        common | resolved,
        old | {"changes": [level, level]},
        old | level,
        price_change(*(entry(one, "BUY", f"0.{number}", "1") for one in (A, B) for number in (41, 42))),
        {"asset_id": B} | sides(),
        [later_book(), last_trade(), common | tick],
    ]


def in_styles(messages):
    """Return messages as frames in each style, in turn."""
    return [json.dumps(one, separators=style).encode() for one in messages for style in STYLES]


def sample_frames():
    """Return frames of every type in every style, and the venue's other texts."""
    texts = [b"PONG", b"NO NEW ASSETS", b"[]\n", b"", json.dumps(later_book()).encode() + b"\n"]
    return [*in_styles([*usual_messages(), *rarer_messages()]), *texts]
