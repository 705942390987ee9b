"""Book checks: each book against the venue's hash, best prices and mirror leg (PROTOCOL.md 1.4, 1.5).

A run is a token's consecutive messages of one timestamp and hash. What they say holds for the
book at the end of the run, so it is judged when the token's next run begins, before that
changes the book, or when the stream ends.
"""

import hashlib
import re
from array import array
from collections.abc import Iterator, Sequence
from typing import Protocol

from pm_data._fast.e6_py import ONE_E6, from_e6, to_e6
from pm_data._fast.ops import BookOp, ChangeOp, MarketFacts
from pm_data._fast.verdicts import TICK_SIZES_E6, Incidents, Outcomes
from pm_data.bookhash import hash_beginning, hash_ending, hash_middle, level_text
from pm_data.errors import BadNumberError, E6OverflowError

(
    _VERIFIED,
    _LATE_TRADE_PRICE,
    _LATE_TICK_SIZE,
    _FAILED,
    _UNCHECKED,
    _BEST_AGREED,
    _BEST_DIFFERED,
    _MIRROR_AGREED,
    _MIRROR_DIFFERED,
) = range(len(Outcomes._fields))

_HASH = re.compile(r"[0-9a-f]{40}")
_USUAL_MIN_SIZE_E6 = 5_000_000
_LEVEL_CACHE_SIZE = 65_536

Inputs = tuple[int | None, int | None]
"""Tick size and last trade price: the inputs of a market's hashes that change."""


class Book(Protocol):
    """What is read of a token's state."""

    _market_id: str
    _market: str | None
    _bid_keys: "array[int]"
    _bid_sizes: "array[int]"
    _ask_keys: "array[int]"
    _ask_sizes: "array[int]"


class _Market:
    """What the hashes of a market's tokens depend on beside their books.

    Attributes:
        facts_known: whether both of the next two are the stream's, or have verified a book.
        now: as the stream told it last.
        proven: as the run that verified last had it, which may be news.
        tokens: seen so far, in order.
    """

    def __init__(self) -> None:
        self.facts_known = False
        self.min_size_e6 = _USUAL_MIN_SIZE_E6
        self.neg_risk: bool | None = None
        self.now: Inputs = (None, None)
        self.proven: Inputs = (None, None)
        self.tokens: list[_Token] = []


class _Token:
    """A token's run, and how those before it came out.

    Attributes:
        doubt: cause of a loss of continuity that no full book has ended; empty where there is none.
        ordinal: number of the run among those of its timestamp, from 1.
        bid, ask: what best_bid and best_ask said last in the run.
        inputs: the market's at the run's last message.
        mirrored: whether the book was the mirror of the other token's; None where that is not known.
        repeated: the run is the one before the last again, which says nothing of the book now.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self.counts = [0] * len(Outcomes._fields)
        self.failing = False
        self.doubt = ""
        self.running = False
        self.key: tuple[int | None, str | None] = (None, None)
        self.previous_key: tuple[int | None, str | None] = (None, None)
        self.market: str | None = None
        self.ordinal = 0
        self.bid: int | None = None
        self.ask: int | None = None
        self.inputs: Inputs = (None, None)
        self.mirrored: bool | None = None
        self.repeated = False


class BookChecks:
    """The runs of all tokens and how they came out."""

    def __init__(self) -> None:
        self.incidents = Incidents()
        self._tokens: dict[str, _Token] = {}
        self._markets: dict[str, _Market] = {}
        self._level_texts: dict[tuple[int, int], str] = {}

    def learn_facts(self, facts: MarketFacts) -> None:
        """Take what a universe record says of a market."""
        market = self._market(facts.condition_id)
        market.facts_known = facts.order_min_size_e6 is not None and facts.neg_risk is not None
        if facts.order_min_size_e6 is not None:
            market.min_size_e6 = facts.order_min_size_e6
        if facts.neg_risk is not None:
            market.neg_risk = facts.neg_risk
        if market.now[0] is None:
            market.now = facts.tick_size_e6, market.now[1]

    def learn(
        self, condition_id: str | None, tick_size_e6: int | None, last_trade_price_e6: int | None
    ) -> None:
        """Take what a message says of a market; None says nothing."""
        if condition_id is not None:
            market = self._market(condition_id)
            tick, price = market.now
            market.now = (
                tick if tick_size_e6 is None else tick_size_e6,
                price if last_trade_price_e6 is None else last_trade_price_e6,
            )

    def lose(self, book: Book, cause: str) -> None:
        """Give up a token's run, whose end may be lost; until a full book none of its runs can fail."""
        token = self._token(book)
        token.doubt = cause
        if token.running:
            token.running = False
            token.counts[_UNCHECKED] += 1

    def message(self, book: Book, op: BookOp | ChangeOp) -> str:
        """Take a message that is about to change a book; return the verdict on the run that it ends.

        Returns:
            `hash`, `bbo` or `mirror` where the run failed, `verified` where its hash was the
            book's and nothing failed, else an empty text.
        """
        token = self._token(book)
        book_hash = op.hash if op.hash is not None and _HASH.fullmatch(op.hash) else None
        key = op.ts_event, book_hash
        verdict = ""
        if not token.running or key != token.key:
            verdict = self._end(token)
            self._begin(token, key)
        token.market = book._market
        if isinstance(op, BookOp):
            token.doubt = ""
            self.learn(token.market, op.tick_size_e6, op.last_trade_price_e6)
        else:
            token.bid = best_price(op.best_bid, token.bid)
            token.ask = best_price(op.best_ask, token.ask)
        if token.market is not None:
            market = self._market(token.market)
            token.inputs = market.now
            if len(market.tokens) < 3 and token not in market.tokens:  # a third shows that they are no pair
                market.tokens.append(token)
        return verdict

    def finish(self) -> Iterator[tuple[str, str]]:
        """Judge the runs that are open, as the stream has ended; yield asset ids and verdicts."""
        for asset_id, token in self._tokens.items():
            yield asset_id, self._end(token)

    def counters(self) -> dict[str, int]:
        """Return the sums over all tokens, by the names of `Outcomes`, and the number of incidents."""
        columns = zip(*self.outcomes().values(), strict=True)
        return {**Outcomes(*map(sum, columns))._asdict(), "hash_incidents": self.incidents.count}

    def outcomes(self) -> dict[str, Outcomes]:
        """Return how the runs of each token came out."""
        return {asset_id: Outcomes(*token.counts) for asset_id, token in self._tokens.items()}

    def _market(self, condition_id: str) -> _Market:
        market = self._markets.get(condition_id)
        if market is None:
            market = self._markets[condition_id] = _Market()
        return market

    def _token(self, book: Book) -> _Token:
        token = self._tokens.get(book._market_id)
        if token is None:
            token = self._tokens[book._market_id] = _Token(book)
        return token

    def _begin(self, token: _Token, key: tuple[int | None, str | None]) -> None:
        token.ordinal = token.ordinal + 1 if key[0] == token.key[0] else 1
        token.repeated = key == token.previous_key and None not in key
        token.previous_key, token.key = token.key, key
        token.bid = token.ask = token.mirrored = None
        token.running = True

    def _end(self, token: _Token) -> str:
        """Judge a token's run, if it has one, against its book as it is now."""
        if not token.running:
            return ""
        token.running = False
        if token.doubt == "gap" or token.repeated:
            token.counts[_UNCHECKED] += 1
            return ""
        outcome = self._check_hash(token)
        if outcome == _FAILED and token.doubt:
            outcome = _UNCHECKED
        token.counts[outcome] += 1
        self._note_incident(token, outcome)
        failed = [
            cause
            for cause, is_bad in (
                ("hash", outcome == _FAILED),
                ("bbo", self._best_differs(token)),
                ("mirror", self._mirror_differs(token)),
            )
            if is_bad
        ]
        if failed:
            return failed[0]
        if outcome == _UNCHECKED:
            return ""
        token.doubt = ""
        return "verified"

    def _note_incident(self, token: _Token, outcome: int) -> None:
        if outcome == _FAILED:
            assert token.market is not None
            assert token.key[0] is not None
            token.failing = True
            self.incidents.failed(token.market, token.book._market_id, token.key[0], token.ordinal)
        elif token.failing and outcome != _UNCHECKED:
            assert token.market is not None
            token.failing = False
            self.incidents.verified(token.market, token.book._market_id)

    def _best_differs(self, token: _Token) -> bool:
        """Compare the best prices; the feed writes 0 and 1 where a side is empty."""
        book = token.book
        best_bid = book._bid_keys[-1] if book._bid_keys else 0
        best_ask = -book._ask_keys[-1] if book._ask_keys else ONE_E6
        if token.bid is None and token.ask is None:
            return False
        differs = token.bid not in (None, best_bid) or token.ask not in (None, best_ask)
        token.counts[_BEST_DIFFERED if differs else _BEST_AGREED] += 1
        return differs

    def _mirror_differs(self, token: _Token) -> bool:
        """Compare with the market's other token, once for both, while neither has gone on."""
        tokens = [] if token.market is None else self._market(token.market).tokens
        if token.mirrored is None and len(tokens) == 2 and token.key[0] is not None:
            other = tokens[0] if tokens[1] is token else tokens[1]
            is_same_moment = (other.key[0], other.ordinal) == (token.key[0], token.ordinal)
            if other.running and not other.doubt and not other.repeated and is_same_moment:
                token.mirrored = other.mirrored = _is_mirror(token.book, other.book)
        if token.mirrored is None:
            return False
        token.counts[_MIRROR_AGREED if token.mirrored else _MIRROR_DIFFERED] += 1
        return not token.mirrored

    def _check_hash(self, token: _Token) -> int:
        """Return the outcome of the run's hash; what verifies it is kept."""
        ts_event, wanted = token.key
        if ts_event is None or wanted is None or token.market is None:
            return _UNCHECKED
        market = self._market(token.market)
        told = _told(token.inputs, market)
        if not told:
            return _UNCHECKED
        beginning = hash_beginning(
            token.market,
            token.book._market_id,
            str(ts_event // 1_000_000),
            self._side_text(token.book._bid_keys, token.book._bid_sizes),
            self._side_text(token.book._ask_keys, token.book._ask_sizes),
            from_e6(market.min_size_e6),
        )

        digest = bytes.fromhex(wanted)
        for neg_risk in (False, True) if market.neg_risk is None else (market.neg_risk,):
            for tick, price in told:
                if _search(beginning, tick, neg_risk, [price], digest) is not None:
                    market.facts_known, market.neg_risk, market.proven = True, neg_risk, (tick, price)
                    return _VERIFIED
        if not market.facts_known:
            return _UNCHECKED
        assert market.neg_risk is not None
        told_ticks = dict.fromkeys(tick for tick, _price in told)
        for tick in dict.fromkeys((*told_ticks, *TICK_SIZES_E6)):
            found = _search(beginning, tick, market.neg_risk, _LAST_TRADE_PRICES, digest)
            if found is not None:
                market.proven = tick, found[0]
                return _LATE_TRADE_PRICE if tick in told_ticks else _LATE_TICK_SIZE
        return _FAILED

    def _side_text(self, keys: Sequence[int], sizes: Sequence[int]) -> str:
        texts = self._level_texts
        if len(texts) > _LEVEL_CACHE_SIZE:
            texts.clear()
        found = []
        for level in zip(keys, sizes, strict=True):
            text = texts.get(level)
            if text is None:
                text = texts[level] = level_text(from_e6(abs(level[0])), from_e6(level[1]))
            found.append(text)
        return ",".join(found)


def _told(inputs: Inputs, market: _Market) -> list[tuple[int, int | None]]:
    """Return the inputs that the stream has told, at the run's end or since, and the proven ones."""
    (then_tick, then_price), (now_tick, now_price) = inputs, market.now
    every = market.proven, inputs, market.now, (then_tick, now_price), (now_tick, then_price)
    return [(tick, price) for tick, price in dict.fromkeys(every) if tick is not None]


def _search(
    beginning: "hashlib._Hash",
    tick_size_e6: int,
    neg_risk: bool,
    last_trade_prices: Sequence[int | None],
    wanted: bytes,
) -> tuple[int | None] | None:
    """Return the last trade price with which the text has this hash, None where none has it."""
    middle = beginning.copy()
    middle.update(hash_middle(from_e6(tick_size_e6), neg_risk))
    for price in last_trade_prices:
        digest = middle.copy()
        digest.update(_ENDINGS.get(price) or hash_ending(_trade_price_text(price)))
        if digest.digest() == wanted:
            return (price,)
    return None


def _trade_price_text(price_e6: int | None) -> str:
    """Return a last trade price as hashes have it: three decimals at least, empty before any trade."""
    if price_e6 is None:
        return ""
    whole, decimals = divmod(price_e6, ONE_E6)
    text = f"{decimals:06d}"
    return f"{whole}.{text[:3]}{text[3:].rstrip('0')}"


def best_price(text: str | None, previous: int | None) -> int | None:
    """Return a best price in e6; what was said before where the text is no number."""
    if not text:
        return previous
    try:
        return to_e6(text)
    except (BadNumberError, E6OverflowError):
        return previous


def _is_mirror(first: Book, second: Book) -> bool:
    """Say whether each bid of one book is an ask of the other at 1 - price, of the same size."""
    return (
        first._bid_sizes == second._ask_sizes
        and first._ask_sizes == second._bid_sizes
        and [key - ONE_E6 for key in first._bid_keys] == list(second._ask_keys)
        and [key - ONE_E6 for key in second._bid_keys] == list(first._ask_keys)
    )


_LAST_TRADE_PRICES = (None, *range(0, ONE_E6 + 1, 1_000))
_ENDINGS = {price: hash_ending(_trade_price_text(price)) for price in _LAST_TRADE_PRICES}
