"""Seeded orders: what a change to a market's book looks like."""

from pm_data.venue.embedded.book import PLACES, MarketBook
from pm_data.venue.embedded.decimals import PRICE_ONE
from pm_data.venue.embedded.draw import Draw
from pm_data.venue.embedded.messages import Change

_LEVELS_PER_TOKEN = 70
_FEWEST_LEVELS = 6


def draw_size(draw: Draw) -> int:
    """Return an order's size in hundredths: heavy-tailed, often a round number of shares."""
    bits = draw.bits(40)
    size = 500 + ((bits >> 16) & ((1 << (10 + (bits & 15) * 3 // 4)) - 1))
    if bits & 16:
        size = size // 500 * 500
    if bits & 0xFE0 == 0:
        size <<= 7
    return size


def draw_character(book: MarketBook, draw: Draw) -> None:
    """Choose a new market's price and usual spread: most are tight, one in eight is 5 cents wide or more."""
    if book.tick == 1 and draw.one_in(2):
        book.fair = draw.between(3, 60)
        if draw.one_in(2):
            book.fair = PRICE_ONE - book.fair
    else:
        book.fair = draw.between(6, 94) * 10
    wide = draw.one_in(8)
    book.gap = draw.between(5, 10) * 10 // book.tick if wide else draw.between(1, 3)


def fill(book: MarketBook, draw: Draw) -> None:
    """Give a new market its resting orders."""
    for side in PLACES:
        resting = book.sides[side]
        best = _wanted(book, side)
        if best <= 0:
            continue
        slots = best // book.tick - 1
        count = min(_usual_levels(best, slots), slots + 1)
        prices = {best}
        while len(prices) < count:
            prices.add(best - _distance(slots, draw.bits(32)) * book.tick)
        for price in sorted(prices):
            resting.set(price, draw_size(draw))


def depth_change(book: MarketBook, side: int, draw: Draw) -> Change | None:
    """Return a change behind the best price; None where the side has no room there."""
    resting = book.sides[side]
    best = resting.best
    slots = best // book.tick - 1
    if slots <= 0:
        return None
    bits = draw.bits(40)
    chance = bits >> 32
    if len(resting.prices) > _usual_levels(best, slots):
        price = resting.prices[(len(resting.prices) - 1) * (bits & 0xFFFFFFFF) >> 32]
        return Change(side, price, 0 if chance < 96 else draw_size(draw))
    price = best - _distance(slots, bits & 0xFFFFFFFF) * book.tick
    if chance < 32 and resting.size_at(price):
        return Change(side, price, 0)
    return Change(side, price, draw_size(draw))


def quote_change(book: MarketBook, side: int, draw: Draw) -> Change | None:
    """Let the market's price wander, and return a change of a best price or size; None on an empty side."""
    _wander(book, draw)
    tick = book.tick
    best = book.sides[side].best
    other_best = book.sides[1 - side].best
    wanted = _wanted(book, side)
    if best > max(wanted, 0):
        return Change(side, best, 0)
    if best < wanted:
        steps = (wanted - best) // tick
        # Never up to the other side's price: a venue's book is not crossed.
        price = min(best + tick * draw.between((steps + 1) // 2, steps), PRICE_ONE - tick - other_best)
        if price > best:
            return Change(side, price, draw_size(draw))
        return Change(1 - side, other_best, 0)
    return Change(side, best, draw_size(draw)) if best else None


def sweep(book: MarketBook, side: int, draw: Draw) -> list[Change]:
    """Return the removal of the 3 to 6 best levels of a side, of none where that would leave few."""
    prices = book.sides[side].prices
    count = draw.between(3, 6)
    if len(prices) < count + _FEWEST_LEVELS:
        return []
    return [Change(side, price, 0) for price in reversed(prices[-count:])]


def _wanted(book: MarketBook, side: int) -> int:
    """Return where a side's best price belongs; 0 or less when the side should be empty."""
    below = book.gap // 2
    if side == 0:
        return book.fair - below * book.tick
    return PRICE_ONE - book.fair - (book.gap - below) * book.tick


def _usual_levels(best: int, slots: int) -> int:
    return max(_LEVELS_PER_TOKEN * best // PRICE_ONE, min(_FEWEST_LEVELS, 3 * slots // 4))


def _distance(slots: int, bits32: int) -> int:
    """Return 1 to `slots`, small ones more often (a product of two even draws)."""
    return 1 + (slots * (bits32 & 0xFFFF) * (bits32 >> 16) >> 32)


def _wander(book: MarketBook, draw: Draw) -> None:
    step = draw.bits(4)
    if step > 3:
        return
    fair = book.fair + (book.tick if step & 1 else -book.tick)
    if book.tick <= fair <= PRICE_ONE - book.tick:
        book.fair = fair
