"""Prices and sizes as integers, and the minimal decimal texts of the wire.

Prices are thousandths of a dollar (both ticks of the venue fit), sizes are
hundredths of a share, as in the venue's books.
"""

PRICE_ONE = 1000


def _minimal(whole: int, fraction: int, digits: int) -> str:
    if not fraction:
        return str(whole)
    return f"{whole}.{fraction:0{digits}d}".rstrip("0")


PRICE_TEXT = tuple(_minimal(price // PRICE_ONE, price % PRICE_ONE, 3) for price in range(PRICE_ONE + 1))
"""Text of each price from 0 to 1, as in `0.5`."""

TRADE_PRICE_TEXT = tuple(f"{price / PRICE_ONE:.3f}" for price in range(PRICE_ONE + 1))
"""Text of each price with three decimals, as a book's last_trade_price has it: `0.500`."""


def size_text(size: int) -> str:
    """Return the minimal decimal text of a size in hundredths."""
    return _minimal(size // 100, size % 100, 2)


def fine_size_text(millionths: int) -> str:
    """Return the minimal decimal text of a traded size in millionths."""
    return _minimal(millionths // 1_000_000, millionths % 1_000_000, 6)
