"""The venue's usual frames, read by their shape: a short cut in front of the general decoder.

A frame in the venue's own key order and one of its two white-space styles is taken by one regular
expression and tables of texts seen before. Whatever is not usual in every byte is left to the general
path of decode_py.py, which says what a frame means; of a usual one both say the same.

What is taken is valid JSON of known keys, once each: the characters accepted in a string need no escape,
and there is no white space but a single one after a comma. Nothing can match in two ways, so that a
match takes linear time.
"""

import re

from pm_data._fast.e6_py import to_e6
from pm_data._fast.ops import MAX_PRICE_E6, MAX_SIZE_E6, BookOp, ChangeOp, Op, TradeOp
from pm_data.errors import BadNumberError, E6OverflowError

_MAX_TEXTS = 65_536
"""Texts kept in a table; a full one is emptied, so that no stream grows it."""

_ID = '"([0-9A-Za-z]{1,128})"'
_NUMBER = '"([0-9.]+)"'
_PRICE_OR_NONE = '"([0-9.]*)"'
_SIDE = '"(BUY|SELL)"'
_MILLISECONDS = '"([0-8]?[0-9]{1,12})"'  # as ns they fit 64 bits
_LIST = r"\[([^\]]*)\]"
_TEXT = '"([0-9a-fx.]*)"'
_UNUSED = '"[0-9a-fx]*"'


def _shape(**fields: str) -> str:
    """Return the expression of an object with these keys and values in this order."""
    return r"\{" + ", ?".join(f'"{key}":{value}' for key, value in fields.items()) + r"\}"


_ENTRY = _shape(
    asset_id=_ID, price=_NUMBER, size=_NUMBER, side=_SIDE, hash=_TEXT, best_bid=_TEXT, best_ask=_TEXT
)
_PRICE_CHANGE = _shape(
    market=_ID,
    price_changes=rf"\[{_ENTRY}(?:, ?{_ENTRY})?\]",
    timestamp=_MILLISECONDS,
    event_type='"price_change"',
)
_TRADE = _shape(
    market=_ID,
    asset_id=_ID,
    price=_NUMBER,
    size=_NUMBER,
    fee_rate_bps=_UNUSED,
    side=_SIDE,
    timestamp=_MILLISECONDS,
    event_type='"last_trade_price"',
    transaction_hash=_UNUSED,
)
_BOOK = _shape(
    market=_ID,
    asset_id=_ID,
    bids=_LIST,
    asks=_LIST,
    hash=_TEXT,
    timestamp=_MILLISECONDS,
    event_type='"book"',
)
_OPENING_BOOK = _shape(
    market=_ID,
    asset_id=_ID,
    timestamp=_MILLISECONDS,
    hash=_TEXT,
    bids=_LIST,
    asks=_LIST,
    tick_size=_PRICE_OR_NONE,
    event_type='"book"',
    last_trade_price=_PRICE_OR_NONE,
)


class _Numbers(dict[str, int]):
    """Number texts of at most six decimals and their values in e6, from `least` to `most`.

    Others raise BadNumberError or E6OverflowError.
    """

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def __missing__(self, text: str) -> int:
        value = to_e6(text)
        if not self._least <= value <= self._most or "." in text[:-7]:
            raise BadNumberError(f"not usual: {text}")
        if len(self) >= _MAX_TEXTS:
            self.clear()
        self[text] = value
        return value


class UsualFrames:
    """Reads usual frames, one after another.

    Args:
        types: counts the messages taken, by type.
    """

    def __init__(self, types: dict[str, int]) -> None:
        self._types = types
        self._prices = _Numbers(1, MAX_PRICE_E6)
        self._sizes = _Numbers(0, MAX_SIZE_E6)
        self._match_price_change = re.compile(_PRICE_CHANGE).fullmatch
        self._match_trade = re.compile(_TRADE).fullmatch
        self._match_book = re.compile(_BOOK).fullmatch
        self._match_opening_book = re.compile(_OPENING_BOOK).match

    def read(self, text: str) -> list[Op] | None:
        """Return a usual frame's operations; None for any other frame, of which nothing is counted.

        Args:
            text: the frame, without white space around it.
        """
        try:
            if (found := self._match_price_change(text)) is not None:
                return self._price_change(found)
            if (found := self._match_book(text)) is not None:
                return self._book(found)
            if (found := self._match_trade(text)) is not None:
                return self._trade(found)
            if text.startswith("["):
                return self._opening(text)
        except (ValueError, E6OverflowError):  # a BadNumberError, or a level without its two numbers
            pass
        return None

    def _price_change(self, found: re.Match[str]) -> list[Op]:
        """Read a list of one entry, or of two."""
        texts = found.groups()
        market, ts_event = texts[0], int(texts[15]) * 1_000_000
        prices, sizes, new = self._prices, self._sizes, tuple.__new__
        ops: list[Op] = []
        for entry in (texts[1:8], texts[8:15]) if texts[8] is not None else (texts[1:8],):
            asset_id, price, size, side, book_hash, best_bid, best_ask = entry
            is_bid, price_e6, size_e6 = side == "BUY", prices[price], sizes[size]
            # Not ChangeOp(...): this makes the same object in half the time.
            fields = (asset_id, market, ts_event, is_bid, price_e6, size_e6, book_hash, best_bid, best_ask)
            ops.append(new(ChangeOp, fields))
        self._count("price_change", 1)
        return ops

    def _trade(self, found: re.Match[str]) -> list[Op]:
        market, asset_id, price, size, side, timestamp = found.groups()
        values = (self._prices[price], self._sizes[size])
        self._count("last_trade_price", 1)
        return [TradeOp(asset_id, market, int(timestamp) * 1_000_000, side.lower(), *values)]

    def _book(self, found: re.Match[str]) -> list[Op]:
        market, asset_id, bids, asks, book_hash, timestamp = found.groups()
        sides = (self._levels(bids), self._levels(asks))
        self._count("book", 1)
        return [BookOp(asset_id, market, int(timestamp) * 1_000_000, *sides, None, None, book_hash)]

    def _opening(self, text: str) -> list[Op] | None:
        """Read a list of opening books."""
        ops: list[Op] = []
        at = 0
        while text.startswith("," if ops else "[", at):
            found = self._match_opening_book(text, at + 1)
            if found is None:
                return None
            market, asset_id, timestamp, book_hash, bids, asks, tick, last_trade_price = found.groups()
            ops.append(
                BookOp(
                    asset_id,
                    market,
                    int(timestamp) * 1_000_000,
                    self._levels(bids),
                    self._levels(asks),
                    self._prices[tick] if tick else None,
                    self._prices[last_trade_price] if last_trade_price else None,
                    book_hash,
                )
            )
            at = found.end()
        if text[at:] != "]":
            return None
        self._count("book", len(ops))
        return ops

    def _levels(self, text: str) -> list[tuple[int, int]]:
        """Read what stands between the brackets of a list of levels.

        Raises:
            ValueError, E6OverflowError: a level is not usual.
        """
        if not text:
            return []
        if not (text.startswith('{"price":"') and text.endswith('"}')):
            raise ValueError("no list of levels")
        # What is left between the separators is a number, or is refused as none.
        if '", "' in text[:64]:
            between_levels, within = '"}, {"price":"', '", "size":"'
        else:
            between_levels, within = '"},{"price":"', '","size":"'
        levels = [level.split(within) for level in text[10:-2].split(between_levels)]
        prices, sizes = self._prices, self._sizes
        return [(prices[price], sizes[size]) for price, size in levels]

    def _count(self, name: str, messages: int) -> None:
        self._types[name] = self._types.get(name, 0) + messages
