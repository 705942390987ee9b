"""The exchange: markets, a virtual clock, and the seeded sequence of messages.

Time is virtual: it decides order and stamps, and a driver (the server's ticker
or the generator) decides when a message leaves. So the sequence is the same for
the same options, however fast or slow it is played.
"""

from bisect import bisect_right
from heapq import heappop, heappush
from itertools import accumulate
from typing import NamedTuple

from pm_data.venue.embedded import messages, orders
from pm_data.venue.embedded.book import PLACES, MarketBook
from pm_data.venue.embedded.decimals import PRICE_ONE, fine_size_text
from pm_data.venue.embedded.draw import Draw
from pm_data.venue.embedded.listing import make_listing
from pm_data.venue.embedded.messages import Change
from pm_data.venue.embedded.options import VenueOptions

NEVER_NS = 2**63 - 1
_MS = 1_000_000
_RESOLVE_DELAY_MS = 50
_RESOLVE_CHANGES_PER_FRAME = 8

# Of 4,000 actions so many are:
_ACTIONS = 4000
_TRADES = 90
_QUOTES = 940
_BURSTS = 32
_DUPLICATES = 12
_LISTINGS = 2
_RESOLUTIONS = 1


class Message(NamedTuple):
    """One text frame and who gets it.

    Args:
        assets: subscribers of any of these get it; empty means everyone.
        custom: only clients with custom features.
    """

    assets: tuple[str, ...]
    custom: bool
    payload: bytes


class _Pending(NamedTuple):
    """A message that is due later; `order` keeps equal times in their order."""

    due_ns: int
    order: int
    message: Message
    resolves: MarketBook | None


class Exchange:
    """A venue's state and its order flow.

    Args:
        epoch_ms: wall time in ms at virtual time 0.

    Attributes:
        books: active markets in listing order.
        next_due_ns: virtual time of the next `step`, `NEVER_NS` for a silent venue.
    """

    def __init__(self, options: VenueOptions, epoch_ms: int) -> None:
        self._options = options
        self._epoch_ms = epoch_ms
        self._draw = Draw(options.seed, 0)
        self._mean_gap_ns = 10**9 // options.rate if options.rate else 0
        self._next_action_ns = self._mean_gap_ns if options.rate else NEVER_NS
        self._now_ns = 0
        self._now_ms = epoch_ms
        self._pending: list[_Pending] = []
        self._pending_count = 0
        self._last_change: tuple[MarketBook, list[Change], tuple[str, str], bool] | None = None
        self._by_asset: dict[str, tuple[MarketBook, int]] = {}
        self.books: list[MarketBook] = []
        self._listed = 0
        for rank in self._draw.shuffled(range(options.markets)):
            self._list_market(rank)
        self._weigh()

    @property
    def next_due_ns(self) -> int:
        """Virtual time in ns at which the next message is due."""
        if self._pending:
            return min(self._next_action_ns, self._pending[0].due_ns)
        return self._next_action_ns

    def postpone(self, lag_ns: int) -> None:
        """Stamp everything from now on this much later: the driver fell behind and starts its clock again."""
        self._epoch_ms += lag_ns // _MS

    def find(self, asset_id: str) -> tuple[MarketBook, int] | None:
        """Return a token's market and its place there; None for a resolved or unknown token."""
        return self._by_asset.get(asset_id)

    def step(self) -> list[Message]:
        """Advance to the next due time and return what is sent then, which may be nothing."""
        if self._pending and self._pending[0].due_ns <= self._next_action_ns:
            due = heappop(self._pending)
            if due.resolves is not None:
                for asset_id in due.resolves.listing.asset_ids:
                    del self._by_asset[asset_id]
            return [due.message]
        self._now_ns = self._next_action_ns
        self._now_ms = self._epoch_ms + self._now_ns // _MS
        waiting = len(self._pending)
        sent = self._act()
        frames = len(sent) + len(self._pending) - waiting
        self._next_action_ns += self._draw.between(1, max(1, 2 * self._mean_gap_ns * frames))
        return sent

    def _act(self) -> list[Message]:
        draw = self._draw
        kind = draw.below(_ACTIONS)
        book = self._busy_market()
        side = draw.bits(1)
        if kind < _TRADES:
            return self._trade(book, side)
        kind -= _TRADES
        if kind < _QUOTES:
            return self._change(book, orders.quote_change(book, side, draw))
        kind -= _QUOTES
        if kind < _BURSTS:
            return self._burst(book, side)
        kind -= _BURSTS
        if kind < _DUPLICATES:
            return self._duplicate()
        kind -= _DUPLICATES
        if kind < _LISTINGS:
            return self._announce()
        kind -= _LISTINGS
        if kind < _RESOLUTIONS:
            return self._resolve()
        return self._change(book, orders.depth_change(book, side, draw))

    def _change(self, book: MarketBook, change: Change | None) -> list[Message]:
        if change is None:
            return []
        old_tick = book.tick
        if old_tick != 1 and not 40 <= book.fair <= PRICE_ONE - 40:
            # The new tick is in the hash before it is announced.
            book.gap = book.gap * old_tick if book.gap > 3 else book.gap
            book.tick = 1
        sent = self._apply(book, [change], 1)
        if book.tick != old_tick:
            for place in PLACES:
                text = messages.tick_size_change(book, place, old_tick)
                sent.append(Message(book.listing.asset_ids[place : place + 1], False, text.encode()))
        return sent

    def _burst(self, book: MarketBook, side: int) -> list[Message]:
        draw = self._draw
        if draw.one_in(2):
            return self._apply(book, orders.sweep(book, side, draw), 1)
        changes = [orders.depth_change(book, side, draw) for _ in range(draw.between(2, 5))]
        return self._apply(book, [change for change in changes if change is not None], 1)

    def _apply(self, book: MarketBook, changes: list[Change], changes_per_frame: int) -> list[Message]:
        """Apply the changes and return their frames: all with the hashes and best prices of the end."""
        if not changes:
            return []
        for change in changes:
            book.sides[change.side].set(change.price, change.size)
        book.timestamp_ms = self._now_ms
        hashes = (book.hash(0), book.hash(1))
        first_leg_rests = (changes[0].side == 0) != (self._draw.bits(3) == 0)
        sent = []
        for start in range(0, len(changes), changes_per_frame):
            part = changes[start : start + changes_per_frame]
            text = messages.price_change(book, part, hashes, first_leg_rests)
            sent.append(Message(book.listing.asset_ids, False, text.encode()))
        self._last_change = (book, part, hashes, first_leg_rests)
        return sent

    def _duplicate(self) -> list[Message]:
        if self._last_change is None:
            return []
        book, changes, hashes, first_leg_rests = self._last_change
        swapped = self._draw.one_in(4)
        text = messages.price_change(book, changes, hashes, first_leg_rests != swapped)
        return [Message(book.listing.asset_ids, False, text.encode())]

    def _trade(self, book: MarketBook, side: int) -> list[Message]:
        """Let a taker meet the best resting order: change, both books, and later the trade itself."""
        draw = self._draw
        resting = book.sides[side]
        price = resting.best
        if not price:
            return []
        available = resting.size_at(price)
        taken = available if draw.one_in(3) else draw.between(1, available)
        taker_buys = draw.one_in(2)
        place = 1 - side if taker_buys else side
        traded_price = PRICE_ONE - price if taker_buys else price
        # The trade price is in the hash before the trade is announced.
        book.last_trade = traded_price
        sent = self._apply(book, [Change(side, price, available - taken)], 1)
        assert self._last_change is not None
        _, _, hashes, first_leg_rests = self._last_change
        first = side if first_leg_rests else 1 - side
        for leg in (first, 1 - first):
            text = messages.later_book(book, leg, hashes[leg])
            sent.append(Message(book.listing.asset_ids[leg : leg + 1], False, text.encode()))
        # A trade sums matches in millionths, the book shows hundredths.
        millionths = taken * 10_000 - (draw.below(10_000) if draw.one_in(8) else 0)
        delay_ms = draw.between(33, 48)
        text = messages.last_trade_price(
            book.listing,
            place,
            traded_price,
            fine_size_text(millionths),
            taker_buys,
            self._now_ms + delay_ms,
            draw.hex_digits(64),
        )
        self._later(delay_ms, Message(book.listing.asset_ids[place : place + 1], False, text.encode()))
        return sent

    def _announce(self) -> list[Message]:
        if len(self.books) >= self._options.markets + max(2, self._options.markets // 10):
            return []
        book = self._list_market(self._options.markets // 2)
        self._weigh()
        return [Message((), True, messages.new_market(book, self._now_ms).encode())]

    def _resolve(self) -> list[Message]:
        if len(self.books) <= max(2, self._options.markets * 3 // 4):
            return []
        at = self._draw.below(len(self.books))
        book = self.books.pop(at)
        self._weigh()
        zeroed = [Change(side, price, 0) for side in PLACES for price in reversed(book.sides[side].prices)]
        sent = self._apply(book, zeroed, _RESOLVE_CHANGES_PER_FRAME)
        self._last_change = None
        winner = 0 if book.fair * 2 >= PRICE_ONE else 1
        # Later than any trade that is still to be announced: after it the market is silent.
        text = messages.market_resolved(book.listing, winner, self._now_ms + _RESOLVE_DELAY_MS)
        self._later(_RESOLVE_DELAY_MS, Message(book.listing.asset_ids, True, text.encode()), book)
        return sent

    def _later(self, delay_ms: int, message: Message, resolves: MarketBook | None = None) -> None:
        self._pending_count += 1
        due_ns = self._now_ns + delay_ms * _MS
        heappush(self._pending, _Pending(due_ns, self._pending_count, message, resolves))

    def _list_market(self, rank: int) -> MarketBook:
        listing = make_listing(self._options.seed, self._listed, rank)
        draw = Draw(self._options.seed, 2, self._listed)
        self._listed += 1
        book = MarketBook(listing, self._now_ms - draw.below(60_000))
        orders.draw_character(book, draw)
        orders.fill(book, draw)
        if draw.below(4):
            # Some market has had no trade yet.
            book.last_trade = min(max(book.fair + draw.between(-2, 2) * book.tick, 1), PRICE_ONE - 1)
        self.books.append(book)
        for place in PLACES:
            self._by_asset[listing.asset_ids[place]] = (book, place)
        return book

    def _weigh(self) -> None:
        self._cumulative = list(accumulate(book.listing.weight for book in self.books))

    def _busy_market(self) -> MarketBook:
        return self.books[bisect_right(self._cumulative, self._draw.below(self._cumulative[-1]))]
