"""One market whose frames carry the hashes, best prices and mirror legs that the venue would give them."""

from pm_data._fast.ops import MarketFacts
from pm_data.venue.embedded import messages
from pm_data.venue.embedded.book import MarketBook
from pm_data.venue.embedded.listing import ORDER_MIN_SIZE, make_listing
from pm_data.venue.embedded.messages import Change

FIRST_MS = 1_790_000_000_000


class HashedMarket:
    """Makes frames. Prices are in thousandths, sizes in hundredths; side 0 holds buys of token a, 1 of b."""

    def __init__(self):
        self.book = MarketBook(make_listing(1, 0, 0), FIRST_MS)
        self.a, self.b = self.book.listing.asset_ids
        for side, price in ((0, 400), (0, 410), (0, 420), (1, 540), (1, 550)):
            self.book.sides[side].set(price, 10_000)

    @property
    def facts(self):
        """What a universe record says of the market."""
        listing = self.book.listing
        size_e6 = int(ORDER_MIN_SIZE) * 1_000_000
        return MarketFacts(listing.condition_id, listing.asset_ids, 10_000, size_e6, listing.neg_risk)

    def opening(self):
        """Return the opening books of both tokens."""
        return messages.opening([(self.book, 0), (self.book, 1)]).encode()

    def change(self, *levels, after_ms=1, trade_price=None, tick=None):
        """Apply levels (side, price, size) as one burst; return its frames, one a level."""
        book = self.book
        book.timestamp_ms += after_ms
        if trade_price is not None:
            book.last_trade = trade_price
        if tick is not None:
            book.tick = tick
        changes = [Change(*level) for level in levels]
        for level in changes:
            book.sides[level.side].set(level.price, level.size)
        hashes = book.hash(0), book.hash(1)
        return [messages.price_change(book, [level], hashes, True).encode() for level in changes]

    def trade(self, price):
        """Return the announcement of a trade at this price."""
        listing, stamp_ms = self.book.listing, self.book.timestamp_ms
        return messages.last_trade_price(listing, 0, price, "5", True, stamp_ms, "0" * 64).encode()

    def ticks(self, old):
        """Return the announcements of the tick size."""
        return [messages.tick_size_change(self.book, place, old).encode() for place in (0, 1)]
