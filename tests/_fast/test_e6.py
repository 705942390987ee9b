"""e6 arithmetic, on both cores: the text table, and the door."""

import random
from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest

from pm_data.errors import BadNumberError, E6OverflowError

SEED = 20261123
INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)


def test_to_e6_table_by_a_stride(core):
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


def half_up(text):
    """Return by Decimal what `to_e6` must give, or the error that it must raise."""
    whole, point, decimals = text.partition(".")
    if set(whole + decimals) - set("0123456789") or len(whole) > 18 or len(decimals) > 400:
        return BadNumberError
    if not decimals and (point or not whole):
        return BadNumberError
    with localcontext(prec=450):
        value = int((Decimal(text) * 10**6).to_integral_value(ROUND_HALF_UP))
    return value if value <= INT64_MAX else E6OverflowError


def odd_strings(count):
    """Yield texts that are nearly numbers, and numbers of unusual lengths."""
    generator = random.Random(SEED)
    digits = "0123456789"
    for number in range(count):
        if number % 2:
            yield "".join(generator.choices(digits + "..-e_ \t٣", k=generator.randrange(25)))
            continue
        whole = "".join(generator.choices(digits, k=generator.choice([0, 1, 2, 12, 13, 17, 18, 19])))
        decimals = "".join(
            generator.choices(digits + "5599", k=generator.choice([0, 1, 5, 6, 7, 8, 30, 400]))
        )
        yield f"{whole}.{decimals}" if generator.random() < 0.9 else whole


def test_to_e6_table_of_odd_strings(core):
    print("seed", SEED)
    met = set()
    for text in odd_strings(100_000):
        expected = half_up(text)
        assert outcome(core.e6.to_e6, text) == expected, (SEED, text)
        met.add(expected if isinstance(expected, type) else int)
    assert met == {int, BadNumberError, E6OverflowError}


def test_from_e6_is_the_shortest_text(core):
    assert [core.e6.from_e6(value) for value in (0, 870_000, 1_000_000, 1, -480_000, INT64_MIN)] == [
        "0",
        "0.87",
        "1",
        "0.000001",
        "-0.48",
        "-9223372036854.775808",
    ]


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
