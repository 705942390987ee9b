"""What a taker pays. A fee model is a function of token, notional and size."""

from typing import Any

from pm_data._fast import e6
from pm_data._fast.orders_py import FeeModel
from pm_data.errors import BadNumberError, E6OverflowError, UsageError
from pm_data.jsonlib import JsonObject
from pm_data.runtime.markets import Markets

FEE_STEP_E6 = 10
"""The venue charges in steps of 0.00001; what is less is nothing (PROTOCOL 3)."""

_MAX_EXPONENT = 4


def flat(fee_bps: int) -> FeeModel:
    """Return a model that charges basis points of the notional, rounded up to the next millionth."""

    def fee(_market_id: str, notional_e6: int, _size_e6: int) -> int:
        return -e6.multiply_divide(-notional_e6, fee_bps, 10_000)

    return fee


def polymarket(markets: Markets, rounding: str) -> FeeModel:
    """Return the venue's own model: each market's schedule, as the stream's universe records state it.

    Args:
        rounding: `floor`, `half_up` or `half_even`, to steps of 0.00001.

    Raises:
        UsageError: by the model, for a token whose schedule the stream does not state.
    """
    known: dict[str, tuple[JsonObject, int, int]] = {}

    def fee(market_id: str, notional_e6: int, size_e6: int) -> int:
        metadata = markets.metadata(market_id)
        if metadata is None:
            raise UsageError(f"fee model polymarket: no universe record names the token {market_id}")
        kept = known.get(market_id)
        if kept is None or kept[0] is not metadata:
            kept = known[market_id] = (metadata, *_schedule(market_id, metadata))
        _metadata, rate_e6, exponent = kept
        return curve_fee(rate_e6, exponent, notional_e6, size_e6, rounding)

    return fee


def curve_fee(rate_e6: int, exponent: int, notional_e6: int, size_e6: int, rounding: str) -> int:
    """Return size × rate × (p × (1 − p))^exponent with p = notional / size, in steps of 0.00001.

    The venue's formula (docs/trading/fees of 2026-09), without p: for the exponent 1 it
    is rate × N × (S − N) / S. Floor and once per match is what one decoded transaction shows.
    """
    numerator: int = rate_e6 * (notional_e6 * (size_e6 - notional_e6)) ** exponent
    divisor: int = 1_000_000 * FEE_STEP_E6 * size_e6 ** (2 * exponent - 1)
    steps, rest = divmod(numerator, divisor)
    # The divisor is even, so that the 1 decides in the middle only.
    up = {"floor": 0, "half_up": 1, "half_even": steps % 2}[rounding]
    is_nearer = rounding != "floor" and 2 * rest + up > divisor
    return (steps + is_nearer) * FEE_STEP_E6


def _schedule(market_id: str, metadata: JsonObject) -> tuple[int, int]:
    """Return rate in e6 and exponent.

    Raises:
        UsageError: the metadata has fees, and no schedule that this model knows.
    """
    if metadata.get("fees_enabled") is False:
        return 0, 1
    schedule: Any = metadata.get("fee_schedule")
    try:
        rate_e6, exponent = e6.to_e6(schedule["rate"]), int(schedule["exponent"])
    except (TypeError, KeyError, ValueError, BadNumberError, E6OverflowError):
        rate_e6, exponent = -1, 0
    if not (0 <= rate_e6 <= 1_000_000 and 1 <= exponent <= _MAX_EXPONENT):
        raise UsageError(
            f"fee model polymarket: the fee schedule of token {market_id} is {schedule!r}, "
            f"expected a rate from 0 to 1 and an exponent from 1 to {_MAX_EXPONENT}"
        )
    return rate_e6, exponent
