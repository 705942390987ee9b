"""What a taker pays. A fee model is a function of price and size."""

from collections.abc import Callable

from pm_data._fast import e6

FeeModel = Callable[[int, int], int]
"""Return the fee in e6 for a fill at price_e6 of size_e6 shares."""


def flat(fee_bps: int) -> FeeModel:
    """Return a model that charges basis points of the notional, rounded up to the next millionth."""

    def fee(price_e6: int, size_e6: int) -> int:
        return -e6.multiply_divide(-e6.notional_up(price_e6, size_e6), fee_bps, 10_000)

    return fee
