"""Thinning keeps the bound, every peak, and the last of every counter."""

import itertools
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


def test_stamps_that_do_not_grow_make_no_point():
    thinned = Thinned({"count": "last", "peak": "max"}, 4)
    for stamp, count in ((5, 1), (5, 2), (3, 4), (6, 3)):
        thinned.add(stamp, {"count": count, "peak": count})
    assert thinned.stamps_ns == [5, 6]
    assert (thinned.column("count"), thinned.column("peak")) == ([4, 3], [4, 3])
    assert thinned.per_second("count") == [None, None], "a nanosecond says nothing of a rate"


def test_points_spread_over_the_whole_time():
    draw = random.Random(SEED)
    thinned = Thinned({"count": "last"}, 100)
    stamp = 0
    for number in range(20_000):
        stamp += draw.choice((1, 10, 1_000_000))
        thinned.add(stamp, {"count": number})
    stamps = thinned.stamps_ns
    assert 25 <= len(stamps) <= 100
    assert max(after - before for before, after in itertools.pairwise(stamps)) < stamp / 20
