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


@pytest.mark.parametrize("size", [ONE, 1, 7])
def test_a_split_merged_again_leaves_nothing(ledger, size):
    ledger.split("yes", "no", size)
    pnl = ledger.pnl({"yes": (600_000, None), "no": (400_000, None)})
    assert (pnl["cash_e6"], pnl["positions_e6"]) == (-size, {"yes": size, "no": size})
    check_identity(pnl)
    ledger.merge("no", "yes", size)
    pnl = ledger.pnl({})
    assert (pnl["cash_e6"], pnl["positions_e6"], pnl["total_pnl_e6"]) == (0, {}, 0)
    check_identity(pnl)


def test_a_pair_bought_below_1_and_merged_earns_the_difference(ledger):
    ledger.fill("yes", True, 460_000, 10 * ONE, 0)
    ledger.fill("no", True, 500_000, 10 * ONE, 0)
    ledger.merge("yes", "no", 4 * ONE)
    pnl = ledger.pnl({"yes": (460_000, None), "no": (500_000, None)})
    assert pnl["realized_pnl_e6"] == 4 * 40_000
    assert pnl["unrealized_pnl_e6"] == 0
    assert ledger.cash_e6 == pnl["cash_e6"] == -9_600_000 + 4 * ONE
    check_identity(pnl)


def test_a_split_buys_back_a_short(ledger):
    ledger.fill("no", False, 700_000, 2 * ONE, 0)
    ledger.split("yes", "no", 5 * ONE)
    pnl = ledger.pnl({})
    assert (pnl["positions_e6"], pnl["realized_pnl_e6"]) == ({"no": 3 * ONE, "yes": 5 * ONE}, 400_000)
    check_identity(pnl)


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("split", ("a", "a", 1), ValueError),
        ("split", ("a", "b", 0), ValueError),
        ("split", ("a", "b", True), TypeError),
        ("split", ("a", "b", 2**63), E6OverflowError),
        ("split", ("b", "a", 2**63 - 1), E6OverflowError),
        ("merge", ("a", "b", 1), ValueError),
        ("merge", ("b", "a", 1), ValueError),
        ("merge", ("a", "short", 1), ValueError),
    ],
)
def test_a_refused_pair_changes_nothing(ledger, method, arguments, error):
    ledger.fill("a", True, 500_000, ONE, 5)
    ledger.fill("short", False, 500_000, ONE, 5)
    before = ledger.pnl({})
    with pytest.raises(error):
        getattr(ledger, method)(*arguments)
    assert ledger.pnl({}) == before


def test_ledger_identity(both_cores):
    """Random fills, settlements, splits and merges: zero residual at each step, and both cores equal."""
    print("seed", SEED)
    generator = random.Random(SEED)
    ledgers = [core.ledger.Ledger() for core in both_cores]
    merged = 0
    for step in range(100_000):
        marks = {
            name: (generator.choice([None, 400_001]), generator.choice([None, 500_003])) for name in "abc"
        }
        method, arguments = random_action(generator)
        found = []
        for ledger in ledgers:
            result = outcome(getattr(ledger, method), *arguments)
            found.append((result, ledger.pnl(marks), ledger.open_markets(), ledger.cash_e6))
            check_identity(found[-1][1])
        assert found[0] == found[1], (SEED, step)
        merged += method == "merge" and found[0][0] is None
    assert merged > 1_000


def random_action(generator):
    chance, size = generator.random(), generator.randrange(1, 50 * ONE)
    if chance < 0.05:
        return "settle", (generator.choice("abc"), generator.choice([0, 500_000, ONE]))
    if chance < 0.2:
        return generator.choice(["split", "merge"]), (*generator.sample("abc", 2), size)
    price = generator.randrange(1, ONE + 1)
    return "fill", (generator.choice("abc"), chance < 0.6, price, size, generator.randrange(9_999))


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
            pair = (generator.choice(["split", "merge"]), generator.choice(edges))
            results = [
                (
                    outcome(ledger.fill, *fill),
                    outcome(getattr(ledger, pair[0]), "a", "b", pair[1]),
                    outcome(ledger.pnl, marks),
                    ledger.position("a"),
                )
                for ledger in ledgers
            ]
            assert results[0] == results[1], (SEED, fill, pair)


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except (E6OverflowError, ValueError, TypeError) as error:
        return type(error)
