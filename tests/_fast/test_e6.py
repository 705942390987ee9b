"""e6 arithmetic, on both cores: the text table, the int64 edges, the door."""

import random
from decimal import ROUND_HALF_UP, Decimal

import pytest

from pm_data.errors import BadNumberError, E6OverflowError

SEED = 20261123
INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
EDGES = [0, 1, -1, 999_999, 10**6, 21_006_452_230_000, 2**31, 2**32, 2**53 + 1, 10**18, INT64_MAX, INT64_MIN]
EDGES += [INT64_MAX - 1, INT64_MIN + 1, -(10**6)]


def test_to_e6_of_seven_decimals_rounds_half_up(core):
    # a stride that is prime visits every final digit in every position
    for number in range(0, 10_000_001, 997):
        text = f"{number // 10_000_000}.{number % 10_000_000:07d}"
        expected = int((Decimal(text) * 10**6).to_integral_value(ROUND_HALF_UP))
        assert core.e6.to_e6(text) == expected, text


@pytest.mark.long
def test_to_e6_table_of_all_seven_decimal_strings(core):
    if core.name == "pure":
        pytest.skip("the pure core takes the stride above")
    to_e6 = core.e6.to_e6
    for number in range(10_000_001):
        text = f"{number // 10_000_000}.{number % 10_000_000:07d}"
        assert to_e6(text) == (number + 5) // 10, text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        (".48", 480_000),
        ("1", 1_000_000),
        ("007.50", 7_500_000),
        ("21006452.23", 21_006_452_230_000),
        ("0.0000005", 1),
        ("0.00000049999", 0),
        ("9223372036854.775807", INT64_MAX),
        ("0." + "0" * 399 + "1", 0),
    ],
)
def test_to_e6_takes(core, text, value):
    assert core.e6.to_e6(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "1.", "-1", "+1", "1e5", "1_0", " 1", "1 ", "1\n", "١", "½", "1.2.3", "0x1", "NaN", "\0"),
        *("1" * 19, "0." + "1" * 401, "0" * 500, "1\udc00"),
    ],
)
def test_to_e6_refuses(core, text):
    with pytest.raises(BadNumberError):
        core.e6.to_e6(text)


@pytest.mark.parametrize("text", ["9223372036854.775808", "999999999999999999", "9223372036854.7758075"])
def test_to_e6_overflow(core, text):
    with pytest.raises(E6OverflowError):
        core.e6.to_e6(text)


@pytest.mark.parametrize("value", [1, 0.5, None, b"1", Decimal(1)])
def test_to_e6_takes_text_only(core, value):
    with pytest.raises(TypeError):
        core.e6.to_e6(value)


def test_odd_strings_agree(both_cores):
    pure, compiled = both_cores
    generator = random.Random(SEED)
    for _ in range(20_000):
        text = "".join(generator.choices("0123456789..-e_ \t٣", k=generator.randrange(25)))
        assert outcome(pure.e6.to_e6, text) == outcome(compiled.e6.to_e6, text), (SEED, text)


def test_from_e6_is_the_shortest_text(core):
    assert [core.e6.from_e6(value) for value in (0, 870_000, 1_000_000, 1, -480_000, INT64_MIN)] == [
        "0",
        "0.87",
        "1",
        "0.000001",
        "-0.48",
        "-9223372036854.775808",
    ]


def test_int64_edges(both_cores):
    pure, compiled = both_cores
    for name in ("notional", "notional_up"):
        for first in EDGES:
            for second in EDGES:
                expected = outcome(getattr(pure.e6, name), first, second)
                assert outcome(getattr(compiled.e6, name), first, second) == expected, (name, first, second)
    for first in EDGES:
        for second in EDGES:
            for divisor in EDGES:
                expected = outcome(pure.e6.multiply_divide, first, second, divisor)
                found = outcome(compiled.e6.multiply_divide, first, second, divisor)
                assert found == expected, (first, second, divisor)


def test_notional_of_the_largest_real_level(core):
    # PROTOCOL.md 1.3: price x size passes int64 before the division
    assert core.e6.notional(999_000, 21_006_452_230_000) == 20_985_445_777_770


@pytest.mark.parametrize("bad", [True, 1.0, Decimal(1), "1", None])
def test_only_exact_int_is_accepted(core, bad):
    with pytest.raises(TypeError):
        core.e6.notional(bad, 1)
    with pytest.raises(TypeError):
        core.e6.notional(1, bad)
    with pytest.raises(TypeError):
        core.e6.require_int64(bad)


@pytest.mark.parametrize("value", [INT64_MAX + 1, INT64_MIN - 1, 10**30])
def test_out_of_range_arguments_raise(core, value):
    with pytest.raises(E6OverflowError):
        core.e6.notional(value, 1)


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return type(error)
