"""Thinning keeps the bound, every peak, and the last of every counter."""

import random

import pytest

from pm_data.page.thinning import Thinned

SEED = 20261125
SECOND_NS = 1_000_000_000


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 16, 17, 1000, 4097])
def test_extremes_and_totals_survive(rows):
    draw = random.Random(SEED)
    peaks = [draw.randrange(1000) for _ in range(rows)]
    thinned = Thinned({"peak": "max", "least": "min", "count": "last"}, 8)
    for number, peak in enumerate(peaks):
        thinned.add(number * SECOND_NS, {"peak": peak, "least": peak, "count": number})
    assert 1 <= len(thinned.stamps_ns) <= 8
    assert thinned.stamps_ns == sorted(set(thinned.stamps_ns))
    assert max(thinned.column("peak")) == max(peaks)
    assert min(thinned.column("least")) == min(peaks)
    assert thinned.column("count")[-1] == rows - 1
    assert thinned.stamps_ns[-1] == (rows - 1) * SECOND_NS


def test_rates_are_those_of_the_time_between_points():
    thinned = Thinned({"count": "last"}, 4)
    for second in range(100):
        thinned.add(second * SECOND_NS, {"count": 50 * second})
    first, *rates = thinned.per_second("count")
    assert first is None
    assert rates == [50.0] * len(rates)


def test_what_is_absent_stays_absent():
    thinned = Thinned({"a": "max", "b": "last"}, 2)
    for second, row in enumerate([{}, {"a": 3}, {"b": 1}, {}]):
        thinned.add(second * SECOND_NS, row)
    assert thinned.column("a") == [3, None]
    assert thinned.column("b") == [None, 1]
    assert thinned.per_second("b") == [None, None]
    assert Thinned({"a": "max"}, 2).per_second("a") == []


def test_a_clock_that_stands_has_no_rate():
    thinned = Thinned({"count": "last"}, 4)
    thinned.add(1, {"count": 1})
    thinned.add(1, {"count": 2})
    assert thinned.per_second("count") == [None, None]
