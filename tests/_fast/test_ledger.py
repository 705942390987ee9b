"""The ledger: worked sums, the identity, and both cores at the int64 edges."""

import random

import pytest

from pm_data.errors import E6OverflowError

SEED = 20261123
ONE = 1_000_000
INT64_MAX = 2**63 - 1


@pytest.fixture
def ledger(core):
    return core.ledger.Ledger()


def check_identity(pnl):
    total = pnl["total_pnl_e6"]
    assert total == pnl["cash_e6"] + pnl["position_value_e6"]
    assert total == pnl["realized_pnl_e6"] + pnl["unrealized_pnl_e6"] - pnl["fees_paid_e6"]


def test_buy_then_sell_half(ledger):
    ledger.fill("a", True, 400_000, 10 * ONE, 40_000)
    ledger.fill("a", False, 500_000, 4 * ONE, 20_000)
    pnl = ledger.pnl({"a": (450_000, 460_000)})
    assert pnl == {
        "cash_e6": -4 * ONE - 40_000 + 2 * ONE - 20_000,
        "realized_pnl_e6": 400_000,
        "unrealized_pnl_e6": 300_000,
        "fees_paid_e6": 60_000,
        "total_pnl_e6": 640_000,
        "position_value_e6": 2_700_000,
        "positions_e6": {"a": 6 * ONE},
        "unmarked": [],
    }


def test_a_short_is_marked_at_the_ask_and_turns_long(ledger):
    ledger.fill("a", False, 600_000, 10 * ONE, 0)
    assert ledger.pnl({"a": (500_000, 550_000)})["unrealized_pnl_e6"] == 500_000
    ledger.fill("a", True, 550_000, 15 * ONE, 0)
    pnl = ledger.pnl({"a": (500_000, 550_000)})
    assert (pnl["realized_pnl_e6"], pnl["positions_e6"]) == (500_000, {"a": 5 * ONE})
    check_identity(pnl)


def test_without_a_mark_the_worst_is_assumed_and_said(ledger):
    ledger.fill("long", True, 400_000, ONE, 0)
    ledger.fill("short", False, 400_000, ONE, 0)
    pnl = ledger.pnl({"long": (None, 500_000), "other": (1, 2)})
    assert pnl["unmarked"] == ["long", "short"]
    assert pnl["position_value_e6"] == -ONE
    check_identity(pnl)


@pytest.mark.parametrize(("payout", "total"), [(ONE, 600_000), (0, -400_000), (500_000, 100_000)])
def test_settlement(ledger, payout, total):
    ledger.fill("a", True, 400_000, ONE, 0)
    ledger.settle("a", payout)
    ledger.settle("unknown", payout)
    pnl = ledger.pnl({})
    assert (pnl["total_pnl_e6"], pnl["realized_pnl_e6"], pnl["positions_e6"]) == (total, total, {})


def test_rounding_is_against_the_trader(ledger):
    ledger.fill("a", True, 333_333, 1, 0)
    assert ledger.pnl({})["cash_e6"] == -1
    ledger.fill("a", False, 333_333, 1, 0)
    assert ledger.pnl({})["cash_e6"] == -1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((500_000, 0, 0), ValueError),
        ((500_000, -1, 0), ValueError),
        ((-1, 1, 0), ValueError),
        ((500_000, 1, -1), ValueError),
        ((500_000, 1.0, 0), TypeError),
        ((500_000, True, 0), TypeError),
        ((0.5, 1, 0), TypeError),
        ((500_000, 2**63, 0), E6OverflowError),
        ((2**63 - 1, 2**63 - 1, 0), E6OverflowError),
        ((1_000_000, 2**63 - 1, 1), E6OverflowError),
    ],
)
def test_a_refused_fill_changes_nothing(ledger, arguments, error):
    ledger.fill("a", True, 500_000, ONE, 5)
    before = ledger.pnl({})
    with pytest.raises(error):
        ledger.fill("a", True, *arguments)
    assert ledger.pnl({}) == before


def test_ledger_identity(both_cores):
    """Random fills and settlements: zero residual at each step, and both cores equal."""
    print("seed", SEED)
    generator = random.Random(SEED)
    ledgers = [core.ledger.Ledger() for core in both_cores]
    for step in range(5_000):
        market_id = generator.choice("abc")
        if generator.random() < 0.05:
            action = ("settle", (market_id, generator.choice([0, 500_000, ONE])))
        else:
            price, size = generator.randrange(1, ONE + 1), generator.randrange(1, 50 * ONE)
            action = ("fill", (market_id, generator.random() < 0.5, price, size, generator.randrange(9_999)))
        marks = {
            name: (generator.choice([None, 400_001]), generator.choice([None, 500_003])) for name in "abc"
        }
        sums = []
        for ledger in ledgers:
            getattr(ledger, action[0])(*action[1])
            sums.append(ledger.pnl(marks))
            check_identity(sums[-1])
        assert sums[0] == sums[1], (SEED, step)
        assert ledgers[0].open_markets() == ledgers[1].open_markets()


def test_ledger_parity_at_the_int64_edges(both_cores):
    print("seed", SEED)
    generator = random.Random(SEED)
    edges = [1, 2, ONE, 2**31, 2**53, INT64_MAX // 2, INT64_MAX - 1, INT64_MAX, INT64_MAX + 1, 0, -1]
    for _ in range(3_000):
        ledgers = [core.ledger.Ledger() for core in both_cores]
        for _ in range(4):
            fill = (
                generator.choice("ab"),
                generator.random() < 0.5,
                generator.choice([*edges, 500_000]),
                generator.choice(edges),
                generator.choice([0, 0, 1, INT64_MAX]),
            )
            marks = {"a": (ONE, 1), "b": (INT64_MAX, INT64_MAX)}
            results = [
                (outcome(ledger.fill, *fill), outcome(ledger.pnl, marks), ledger.position("a"))
                for ledger in ledgers
            ]
            assert results[0] == results[1], (SEED, fill)


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except (E6OverflowError, ValueError, TypeError) as error:
        return type(error)
