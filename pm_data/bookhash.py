"""The venue's book hash: the only gap detector of a feed without sequence numbers."""

import hashlib
from collections.abc import Iterable


def level_text(price: str, size: str) -> str:
    """Return one level as the hashed text holds it."""
    return f'{{"price":"{price}","size":"{size}"}}'


def hash_beginning(
    market: str, asset_id: str, timestamp_ms_text: str, bids_text: str, asks_text: str, min_order_size: str
) -> "hashlib._Hash":
    """Return the SHA-1 of the hashed text up to the tick size; arguments as `hash_sides`."""
    # The venue hashes the JSON it would send from its REST interface, with the hash itself left empty.
    text = (
        f'{{"market":"{market}","asset_id":"{asset_id}","timestamp":"{timestamp_ms_text}","hash":"",'
        f'"bids":[{bids_text}],"asks":[{asks_text}],"min_order_size":"{min_order_size}","tick_size":"'
    )
    # A lone surrogate in a venue's text must give a mismatch, not an exception.
    return hashlib.sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False)


def hash_middle(tick_size: str, neg_risk: bool) -> bytes:
    """Return what follows `hash_beginning`, up to the last trade price."""
    return f'{tick_size}","neg_risk":{"true" if neg_risk else "false"},"last_trade_price":"'.encode()


def hash_ending(last_trade_price: str) -> bytes:
    """Return what follows `hash_middle`."""
    return f'{last_trade_price}"}}'.encode()


def hash_sides(
    market: str,
    asset_id: str,
    timestamp_ms_text: str,
    bids_text: str,
    asks_text: str,
    min_order_size: str,
    tick_size: str,
    neg_risk: bool,
    last_trade_price: str,
) -> str:
    """Return the hash of a book whose sides are level texts joined by commas; otherwise as `book_hash`."""
    digest = hash_beginning(market, asset_id, timestamp_ms_text, bids_text, asks_text, min_order_size)
    digest.update(hash_middle(tick_size, neg_risk) + hash_ending(last_trade_price))
    return digest.hexdigest()


def book_hash(
    market: str,
    asset_id: str,
    timestamp_ms_text: str,
    bids: Iterable[tuple[str, str]],
    asks: Iterable[tuple[str, str]],
    min_order_size: str,
    tick_size: str,
    neg_risk: bool,
    last_trade_price: str,
) -> str:
    """Return the venue's hash of one token's full book, 40 hex digits.

    Args:
        market: condition id.
        timestamp_ms_text: exchange milliseconds, as sent.
        bids: (price, size) texts as sent, ascending, the best last.
        asks: (price, size) texts as sent, descending, the best last.
        min_order_size: as text, `5` for every market seen; not on the WebSocket, take it from Gamma.
        neg_risk: not on the WebSocket either.
        last_trade_price: three decimals, the market's (both legs have the same), `""` before any trade.
    """
    return hash_sides(
        market,
        asset_id,
        timestamp_ms_text,
        ",".join([level_text(price, size) for price, size in bids]),
        ",".join([level_text(price, size) for price, size in asks]),
        min_order_size,
        tick_size,
        neg_risk,
        last_trade_price,
    )
