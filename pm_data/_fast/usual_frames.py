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
_PRICE_CHANGE = re.compile(
    _shape(
        market=_ID,
        price_changes=rf"\[{_ENTRY}(?:, ?{_ENTRY})?\]",
        timestamp=_MILLISECONDS,
        event_type='"price_change"',
    )
)
_TRADE = re.compile(
    _shape(
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
)
_BOOK = re.compile(
    _shape(
        market=_ID,
        asset_id=_ID,
        bids=_LIST,
        asks=_LIST,
        hash=_TEXT,
        timestamp=_MILLISECONDS,
        event_type='"book"',
    )
)
_OPENING_BOOK = re.compile(
    _shape(
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
)


class _Numbers(dict[str, int]):
    """Number texts and their values in e6, from `least` to `most`; others raise BadNumberError."""

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def __missing__(self, text: str) -> int:
        value = to_e6(text)
        if not self._least <= value <= self._most or len(text.partition(".")[2]) > 6:
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

    def read(self, text: str) -> list[Op] | None:
        """Return a usual frame's operations; None for any other frame, of which nothing is counted.

        Args:
            text: the frame, without white space around it.
        """
        try:
            if text[:1] == "[":
                return self._opening(text)
            if (found := _PRICE_CHANGE.fullmatch(text)) is not None:
                return self._price_change(*found.groups())
            if (found := _TRADE.fullmatch(text)) is not None:
                return self._trade(*found.groups())
            if (found := _BOOK.fullmatch(text)) is not None:
                return self._book(*found.groups())
        except (ValueError, E6OverflowError):  # a BadNumberError, or a level without its two numbers
            pass
        return None

    def _price_change(
        self,
        market: str,
        asset_id: str,
        price: str,
        size: str,
        side: str,
        book_hash: str,
        best_bid: str,
        best_ask: str,
        second_id: str | None,
        second_price: str,
        second_size: str,
        second_side: str,
        second_hash: str,
        second_bid: str,
        second_ask: str,
        timestamp: str,
    ) -> list[Op]:
        prices, sizes, new = self._prices, self._sizes, tuple.__new__
        ts_event = int(timestamp) * 1_000_000
        checks: tuple[str, str, str] = (book_hash, best_bid, best_ask)
        level = (side == "BUY", prices[price], sizes[size])
        # Not ChangeOp(...): this makes the same object in half the time.
        ops: list[Op] = [new(ChangeOp, (asset_id, market, ts_event, *level, *checks))]
        if second_id is not None:
            level = (second_side == "BUY", prices[second_price], sizes[second_size])
            checks = (second_hash, second_bid, second_ask)
            ops.append(new(ChangeOp, (second_id, market, ts_event, *level, *checks)))
        self._count("price_change", 1)
        return ops

    def _trade(
        self, market: str, asset_id: str, price: str, size: str, side: str, timestamp: str
    ) -> list[Op]:
        values = (self._prices[price], self._sizes[size])
        self._count("last_trade_price", 1)
        return [TradeOp(asset_id, market, int(timestamp) * 1_000_000, side.lower(), *values)]

    def _book(
        self, market: str, asset_id: str, bids: str, asks: str, book_hash: str, timestamp: str
    ) -> list[Op]:
        sides = (self._levels(bids), self._levels(asks))
        self._count("book", 1)
        return [BookOp(asset_id, market, int(timestamp) * 1_000_000, *sides, None, None, book_hash)]

    def _opening(self, text: str) -> list[Op] | None:
        """Read a list of opening books."""
        ops: list[Op] = []
        at = 0
        while text.startswith("," if ops else "[", at):
            found = _OPENING_BOOK.match(text, at + 1)
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
        # What is left between these separators is a number, or no number text and refused as such.
        levels = text[10:-2].replace(", ", ",").split('"},{"price":"')
        prices, sizes = self._prices, self._sizes
        return [
            (prices[price], sizes[size]) for price, size in [level.split('","size":"') for level in levels]
        ]

    def _count(self, name: str, messages: int) -> None:
        self._types[name] = self._types.get(name, 0) + messages
