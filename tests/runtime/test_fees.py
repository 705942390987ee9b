"""Fee models: PROTOCOL 3's vectors to the unit, and schedules that only the stream may state."""

import pytest

from pm_data.errors import UsageError
from pm_data.frame import Control, Kind, Record, control_flags, control_payload
from pm_data.runtime import fees
from pm_data.runtime.markets import Markets

HUNDRED = 100_000_000
ROUNDINGS = ("floor", "half_up", "half_even")


def universe(*markets):
    payload = control_payload({"markets": list(markets), "removed": []})
    flags = control_flags(Control.UNIVERSE)
    return Record(0, 0, Kind.CONTROL, Control.UNIVERSE, flags, 0, 1, 1, payload)


def metadata(condition_id, asset_ids, schedule, fees_enabled=True):
    return {
        "condition_id": condition_id,
        "asset_ids": asset_ids,
        "fees_enabled": fees_enabled,
        "fee_schedule": schedule,
    }


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(
    ("rate", "exponent", "price", "fee"),
    [
        (72_000, 1, 10_000, 71_280),
        (72_000, 1, 50_000, 342_000),
        (72_000, 1, 100_000, 648_000),
        (72_000, 1, 300_000, 1_512_000),
        (72_000, 1, 500_000, 1_800_000),
        (70_000, 1, 500_000, 1_750_000),
        (50_000, 1, 500_000, 1_250_000),
        (50_000, 1, 300_000, 1_050_000),
        (40_000, 1, 500_000, 1_000_000),
        (30_000, 1, 500_000, 750_000),
        (30_000, 1, 300_000, 630_000),
        (250_000, 2, 500_000, 1_562_500),
        (250_000, 2, 300_000, 1_102_500),
        (250_000, 2, 100_000, 202_500),
    ],
)
def test_the_published_fees_of_100_shares(rate, exponent, price, fee, rounding):
    assert fees.curve_fee(rate, exponent, 100 * price, HUNDRED, rounding) == fee


@pytest.mark.parametrize(
    ("rate", "notional", "size", "floor", "nearest"),
    [
        (72_000, 14_999_983, 15_463_900, 32_390, 32_400),  # 15.4639 at 0.97
        (72_000, 32_732, 33_400, 40, 50),  # 0.0334 at 0.98
        (70_000, 306_051_098, 580_677_591, 10_132_090, 10_132_100),  # the decoded transaction
    ],
)
def test_fees_that_tell_floor_from_nearest(rate, notional, size, floor, nearest):
    found = [fees.curve_fee(rate, 1, notional, size, rounding) for rounding in ROUNDINGS]
    assert found == [floor, nearest, nearest]


@pytest.mark.parametrize(("size", "even"), [(100, 0), (300, 20), (500, 20)])
def test_halves_go_up_or_to_the_even_step(size, even):
    """At p = 1/2 and rate 0.2 a share costs 0.05: these sizes end on half a step."""
    found = [fees.curve_fee(200_000, 1, size // 2, size, rounding) for rounding in ROUNDINGS]
    assert found == [size // 200 * 10, size // 200 * 10 + 10, even]


def test_the_largest_real_level_does_not_overflow():
    size = 9 * 10**15
    assert fees.curve_fee(1_000_000, 4, size // 2, size, "floor") == size // 256 // 10 * 10
    assert fees.curve_fee(1_000_000, 1, size, size, "half_up") == 0


def test_schedules_are_those_of_the_stream_as_last_stated():
    markets = Markets()
    fee = fees.polymarket(markets, "floor")
    markets.apply(universe(metadata("m", ["1", "2"], {"exponent": "1", "rate": "0.07", "takerOnly": True})))
    assert fee("1", 50_000_000, HUNDRED) == fee("2", 50_000_000, HUNDRED) == 1_750_000
    markets.apply(universe(metadata("m", ["1", "2"], {"exponent": "1", "rate": "0.05"})))
    assert fee("1", 50_000_000, HUNDRED) == 1_250_000
    markets.apply(universe(metadata("m", ["1", "2"], {"exponent": "1", "rate": "0.05"}, False)))
    assert fee("1", 50_000_000, HUNDRED) == 0


@pytest.mark.parametrize(
    "schedule",
    [
        None,
        {},
        {"rate": "0.07"},
        {"exponent": "1"},
        {"exponent": "1", "rate": "1.01"},
        {"exponent": "1", "rate": "-1"},
        {"exponent": "0", "rate": "0.07"},
        {"exponent": "1.5", "rate": "0.07"},
        {"exponent": "9", "rate": "0.07"},
        {"exponent": "1", "rate": 0.07},
        "0.07",
    ],
)
def test_an_unknown_schedule_is_an_error_and_not_zero(schedule):
    markets = Markets()
    markets.apply(universe(metadata("m", ["1", "2"], schedule)))
    with pytest.raises(UsageError, match="the fee schedule of token 1 is"):
        fees.polymarket(markets, "floor")("1", 50, 100)


def test_a_token_that_no_record_names_is_an_error():
    with pytest.raises(UsageError, match="no universe record names the token 1"):
        fees.polymarket(Markets(), "floor")("1", 50, 100)


def test_the_flat_fee_is_rounded_up():
    assert [fees.flat(100)("1", notional, 1) for notional in (0, 1, 100, 101)] == [0, 1, 1, 2]
