"""int64_edges: at the edges of int64 all of e6 and ledger is exact, or raises and changes nothing (M1)."""

import itertools
from fractions import Fraction
from math import ceil, floor

import pytest

from pm_data.errors import E6OverflowError

ONE = 1_000_000
INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
EDGES = [0, 1, -1, 999_999, ONE, -ONE, 21_006_452_230_000, 2**31, 2**32, 2**53 + 1, 10**18]
EDGES += [INT64_MAX - 1, INT64_MAX, INT64_MIN + 1, INT64_MIN]
OUTSIDE = [INT64_MAX + 1, INT64_MIN - 1, 2**64, 10**30]
FEES = [0, 1, INT64_MAX]
MARKS = [(None, None), (0, 0), (1, ONE), (INT64_MAX, INT64_MAX)]


def outcome(function, *arguments):
    """Return a result, or the type of what was raised."""
    try:
        return function(*arguments)
    except (E6OverflowError, ValueError, TypeError, ZeroDivisionError) as error:
        return type(error)


def within(value):
    """Return an exact value if it fits int64, else the error that stands for it."""
    return value if INT64_MIN <= value <= INT64_MAX else E6OverflowError


@pytest.mark.parametrize("value", [*EDGES, *OUTSIDE])
def test_one_value(core, value):
    assert outcome(core.e6.require_int64, value) == within(value)
    text = outcome(core.e6.from_e6, value)
    assert text == E6OverflowError if value in OUTSIDE else Fraction(text) == Fraction(value, ONE)
    if 0 <= value <= INT64_MAX:
        assert core.e6.to_e6(text) == value


def test_notional(core):
    for price, size in itertools.product([*EDGES, *OUTSIDE], repeat=2):
        exact = Fraction(price * size, ONE)
        outside = price in OUTSIDE or size in OUTSIDE
        for function, rounded in ((core.e6.notional, floor(exact)), (core.e6.notional_up, ceil(exact))):
            expected = E6OverflowError if outside else within(rounded)
            assert outcome(function, price, size) == expected, (function.__name__, price, size)


def test_multiply_divide(core):
    for first, second, divisor in itertools.product([*EDGES, OUTSIDE[0]], repeat=3):
        if OUTSIDE[0] in (first, second, divisor):
            expected = E6OverflowError
        elif divisor == 0:
            expected = ZeroDivisionError
        else:
            expected = within(floor(Fraction(first * second, divisor)))
        assert outcome(core.e6.multiply_divide, first, second, divisor) == expected


@pytest.mark.parametrize("bad", [True, 1.0, "1", None, Fraction(1)])
def test_every_entry_takes_exact_int_only(core, bad):
    one, two = core.e6, core.ledger.Ledger()
    entries = [(one.require_int64, 1), (one.from_e6, 1), (one.notional, 2), (one.notional_up, 2)]
    entries.append((one.multiply_divide, 3))
    for function, count in entries:
        for place in range(count):
            arguments = [1] * count
            arguments[place] = bad
            assert outcome(function, *arguments) is TypeError
    two.fill("a", True, ONE, ONE, 0)
    before = two.pnl({})
    for numbers in ((bad, 1, 0), (1, bad, 0), (1, 1, bad)):
        assert outcome(two.fill, "a", True, *numbers) is TypeError
    for function, arguments in (
        (two.settle, ("a", bad)),
        (two.split, ("a", "b", bad)),
        (two.merge, ("a", "b", bad)),
    ):
        assert outcome(function, *arguments) is TypeError
    assert outcome(two.pnl, {"a": (bad, 1)}) == (before if bad is None else TypeError)
    assert two.pnl({}) == before


STATES = [
    [],
    [("fill", "a", True, ONE, 5 * ONE, 0)],
    [("fill", "a", False, 1, 5 * ONE, 7)],
    [("fill", "a", True, ONE, INT64_MAX, 0)],
    [("fill", "a", False, ONE, INT64_MAX, 0)],
    [("fill", "a", False, 0, INT64_MAX, 0)],
    [("fill", "a", True, 0, INT64_MAX, INT64_MAX)],
    [("split", "a", "b", INT64_MAX)],
    [("fill", "b", False, 1, 1, INT64_MAX), ("fill", "a", True, 1, 1, 0)],
]


def actions():
    """Yield every call of the ledger with every pair of edge values."""
    for price, size in itertools.product([*EDGES, *OUTSIDE], repeat=2):
        for is_buy, fee in itertools.product([True, False], FEES):
            yield ("fill", "a", is_buy, price, size, fee)
    for value in [*EDGES, *OUTSIDE]:
        yield from (("settle", "a", value), ("split", "a", "b", value), ("merge", "a", "b", value))


def everything(ledger):
    """Return all that a ledger says: its sums at several marks, positions, cash."""
    marks = [{"a": one, "b": other} for one in MARKS for other in MARKS[:2]]
    sums = [outcome(ledger.pnl, mark) for mark in marks]
    return sums, ledger.open_markets(), ledger.position("a"), ledger.position("b"), ledger.cash_e6


def test_ledger(both_cores):
    """From each state each action: both twins alike, exact, and after an error as before."""
    made = [core.ledger.Ledger for core in both_cores]

    def ledgers(state):
        both = [make() for make in made]
        for ledger in both:
            for name, *arguments in state:
                getattr(ledger, name)(*arguments)
        return both

    met = set()
    for state in STATES:
        both = ledgers(state)
        before = everything(both[0])
        assert everything(both[1]) == before, state
        for name, *arguments in actions():
            results = [outcome(getattr(ledger, name), *arguments) for ledger in both]
            assert results[0] == results[1], (state, name, arguments)
            met.add((name, results[0]))
            after = everything(both[0])
            assert everything(both[1]) == after, (state, name, arguments)
            if results[0] is None:
                for sums in after[0]:
                    check_identity(sums)
                both = ledgers(state)
            else:
                assert after == before, (state, name, arguments)
    names = ("fill", "settle", "split", "merge")
    assert met >= {(name, result) for name in names for result in (None, E6OverflowError)}


def check_identity(sums):
    if isinstance(sums, dict):
        total = sums["total_pnl_e6"]
        assert total == sums["cash_e6"] + sums["position_value_e6"]
        assert total == sums["realized_pnl_e6"] + sums["unrealized_pnl_e6"] - sums["fees_paid_e6"]


@pytest.mark.parametrize("fee", FEES)
def test_a_first_fill_is_exact(core, fee):
    for price, size, is_buy in itertools.product(EDGES, EDGES, [True, False]):
        ledger = core.ledger.Ledger()
        if price < 0 or size <= 0:
            assert outcome(ledger.fill, "a", is_buy, price, size, fee) is ValueError
            continue
        value = ceil(Fraction(price * size, ONE)) if is_buy else floor(Fraction(price * size, ONE))
        cash = -value if is_buy else value
        fits = all(within(one) == one for one in (value, cash, cash - fee))
        found = outcome(ledger.fill, "a", is_buy, price, size, fee)
        assert found is (None if fits else E6OverflowError), (price, size, is_buy)
        assert ledger.cash_e6 == (cash - fee if fits else 0)
        assert ledger.position("a") == (0 if not fits else size if is_buy else -size)
