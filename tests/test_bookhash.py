"""The book hash against books that the venue published."""

import json
from pathlib import Path
from typing import Any

from pm_data.bookhash import book_hash

NEG_RISK_MARKET = "0xefa17dee3af09f69f9ddf245b969aa4efbe7c71cdf06ee49d694408bc33e2ed2"


def levels(side: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(level["price"], level["size"]) for level in side]


def computed(book: dict[str, Any], min_size: str, tick: str, neg_risk: bool, last_trade: str) -> str:
    return book_hash(
        book["market"],
        book["asset_id"],
        book["timestamp"],
        levels(book["bids"]),
        levels(book["asks"]),
        min_size,
        tick,
        neg_risk,
        last_trade,
    )


def test_an_empty_book_hashes_the_text_of_the_specification() -> None:
    # SHA-1 of {"market":"0x1","asset_id":"2","timestamp":"3","hash":"","bids":[],"asks":[{"price":"0.5",
    # "size":"1"}],"min_order_size":"5","tick_size":"0.01","neg_risk":false,"last_trade_price":""}, compact.
    value = book_hash("0x1", "2", "3", [], [("0.5", "1")], "5", "0.01", False, "")
    assert value == "b3743f98d34e7bdc45915d82e7eccaa25d7aaacd"


def test_all_26_books_of_the_recorded_socket_verify(shared_data: Path) -> None:
    checked = 0
    tick_of: dict[str, str] = {}
    last_trade_of: dict[str, str] = {}
    for line in (shared_data / "ws_market_20260927.ndjson").read_text().splitlines():
        if not line:
            continue
        frame = json.loads(line)
        for message in frame if isinstance(frame, list) else [frame]:
            market = message["market"]
            if message["event_type"] == "book":
                if "tick_size" in message:
                    tick_of[market] = message["tick_size"]
                    last_trade_of[market] = message["last_trade_price"]
                value = computed(
                    message, "5", tick_of[market], market == NEG_RISK_MARKET, last_trade_of[market]
                )
                assert value == message["hash"]
                checked += 1
            elif message["event_type"] == "last_trade_price":
                last_trade_of[market] = message["price"]
    assert checked == 26


def test_all_60_rest_books_verify(shared_data: Path) -> None:
    checked = 0
    for line in (shared_data / "rest_books_20260311.jsonl").read_text().splitlines():
        for book in json.loads(line)["books"]:
            value = computed(
                book, book["min_order_size"], book["tick_size"], book["neg_risk"], book["last_trade_price"]
            )
            assert value == book["hash"]
            checked += 1
    assert checked == 60


def test_the_opening_frame_of_a_market_without_trades_verifies(shared_data: Path) -> None:
    books = json.loads((shared_data / "ws_opening_20260409.json").read_text())
    assert len(books) == 2
    for book in books:
        value = computed(book, "5", book["tick_size"], False, book["last_trade_price"])
        assert value == book["hash"]
