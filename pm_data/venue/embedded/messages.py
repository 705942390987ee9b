"""The venue's messages as it writes them: key order and white space of its recorded frames.

The opening array is compact, everything later has a space after each comma.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from pm_data.jsonlib import JsonObject
from pm_data.venue.embedded.book import MarketBook
from pm_data.venue.embedded.decimals import PRICE_ONE, PRICE_TEXT, size_text
from pm_data.venue.embedded.listing import ORDER_MIN_SIZE, Listing


class Change(NamedTuple):
    """A level of a market's side and its new size in hundredths."""

    side: int
    price: int
    size: int


def price_change(
    book: MarketBook, changes: Sequence[Change], hashes: tuple[str, str], first_leg_rests: bool
) -> str:
    """Return one frame with both legs of each change.

    Args:
        hashes: of both tokens after the last change of the burst.
        first_leg_rests: the leg with the resting buy comes first, else the other.
    """
    assets = book.listing.asset_ids
    best = (book.best_texts(0), book.best_texts(1))
    legs = []
    for side, price, size in changes:
        size_as_text = size_text(size)
        buy = (
            f'{{"asset_id":"{assets[side]}", "price":"{PRICE_TEXT[price]}", "size":"{size_as_text}", '
            f'"side":"BUY", "hash":"{hashes[side]}", "best_bid":"{best[side][0]}", '
            f'"best_ask":"{best[side][1]}"}}'
        )
        other = 1 - side
        sell = (
            f'{{"asset_id":"{assets[other]}", "price":"{PRICE_TEXT[PRICE_ONE - price]}", '
            f'"size":"{size_as_text}", "side":"SELL", "hash":"{hashes[other]}", '
            f'"best_bid":"{best[other][0]}", "best_ask":"{best[other][1]}"}}'
        )
        legs.append(f"{buy}, {sell}" if first_leg_rests else f"{sell}, {buy}")
    return (
        f'{{"market":"{book.listing.condition_id}", "price_changes":[{", ".join(legs)}], '
        f'"timestamp":"{book.timestamp_ms}", "event_type":"price_change"}}'
    )


def later_book(book: MarketBook, place: int, book_hash: str) -> str:
    """Return the book message that follows a trade."""
    bids = book.sides[place].bids_text().replace(",", ", ")
    asks = book.sides[1 - place].asks_text().replace(",", ", ")
    return (
        f'{{"market":"{book.listing.condition_id}", "asset_id":"{book.listing.asset_ids[place]}", '
        f'"bids":[{bids}], "asks":[{asks}], "hash":"{book_hash}", "timestamp":"{book.timestamp_ms}", '
        f'"event_type":"book"}}'
    )


def opening(books: Sequence[tuple[MarketBook, int]]) -> str:
    """Return the opening array of these (market, token) books; `[]` when there is none."""
    parts = [
        f'{{"market":"{book.listing.condition_id}","asset_id":"{book.listing.asset_ids[place]}",'
        f'"timestamp":"{book.timestamp_ms}","hash":"{book.hash(place)}",'
        f'"bids":[{book.sides[place].bids_text()}],"asks":[{book.sides[1 - place].asks_text()}],'
        f'"tick_size":"{book.tick_text}","event_type":"book","last_trade_price":"{book.last_trade_text}"}}'
        for book, place in books
    ]
    return f"[{','.join(parts)}]\n"


def rest_book(book: MarketBook, place: int) -> str:
    """Return a token's book as the REST interface gives it."""
    return (
        f'{{"market":"{book.listing.condition_id}","asset_id":"{book.listing.asset_ids[place]}",'
        f'"timestamp":"{book.timestamp_ms}","hash":"{book.hash(place)}",'
        f'"bids":[{book.sides[place].bids_text()}],"asks":[{book.sides[1 - place].asks_text()}],'
        f'"min_order_size":"{ORDER_MIN_SIZE}","tick_size":"{book.tick_text}",'
        f'"neg_risk":{"true" if book.listing.neg_risk else "false"},'
        f'"last_trade_price":"{book.last_trade_text}"}}'
    )


def last_trade_price(
    listing: Listing,
    place: int,
    price: int,
    traded_text: str,
    taker_buys: bool,
    timestamp_ms: int,
    transaction: str,
) -> str:
    """Return the trade message of the taker's token."""
    return (
        f'{{"market":"{listing.condition_id}", "asset_id":"{listing.asset_ids[place]}", '
        f'"price":"{PRICE_TEXT[price]}", "size":"{traded_text}", '
        f'"fee_rate_bps":"{1000 if listing.fee_type else 0}", "side":"{"BUY" if taker_buys else "SELL"}", '
        f'"timestamp":"{timestamp_ms}", "event_type":"last_trade_price", '
        f'"transaction_hash":"0x{transaction}"}}'
    )


def tick_size_change(book: MarketBook, place: int, old_tick: int) -> str:
    """Return the message that a token's tick is now `book.tick`."""
    return (
        f'{{"market":"{book.listing.condition_id}", "asset_id":"{book.listing.asset_ids[place]}", '
        f'"old_tick_size":"{PRICE_TEXT[old_tick]}", "new_tick_size":"{book.tick_text}", '
        f'"timestamp":"{book.timestamp_ms}", "event_type":"tick_size_change"}}'
    )


def new_market(book: MarketBook, timestamp_ms: int) -> str:
    """Return the announcement of a market, for clients with custom features."""
    listing = book.listing
    return _spaced(
        {
            "id": listing.gamma_id,
            "question": listing.question,
            "market": listing.condition_id,
            "slug": listing.slug,
            "description": f"Resolves to the outcome of: {listing.question}",
            "assets_ids": list(listing.asset_ids),
            "outcomes": list(listing.outcomes),
            "event_message": {
                "id": listing.gamma_id,
                "ticker": listing.slug,
                "slug": listing.slug,
                "title": listing.question,
                "description": "",
            },
            "timestamp": str(timestamp_ms),
            "event_type": "new_market",
            "tags": [],
            "condition_id": listing.condition_id,
            "active": True,
            "clob_token_ids": list(listing.asset_ids),
            "game_start_time": "2026-12-31 18:00:00+00",
            "order_price_min_tick_size": PRICE_TEXT[listing.tick],
            "group_item_title": "",
            "taker_base_fee": "1000" if listing.fee_type else "0",
            "fees_enabled": listing.fee_type is not None,
            "fee_schedule": listing.fee_schedule,
        }
    )


def market_resolved(listing: Listing, winner: int, timestamp_ms: int) -> str:
    """Return the settlement message, for clients with custom features."""
    return _spaced(
        {
            "id": listing.gamma_id,
            "market": listing.condition_id,
            "assets_ids": list(listing.asset_ids),
            "winning_asset_id": listing.asset_ids[winner],
            "winning_outcome": listing.outcomes[winner],
            "event_message": None,
            "timestamp": str(timestamp_ms),
            "event_type": "market_resolved",
            "tags": [],
        }
    )


def _spaced(message: JsonObject) -> str:
    """Return JSON with the venue's white space: a space after commas, none after colons."""
    return json.dumps(message, ensure_ascii=False, separators=(", ", ":"))
