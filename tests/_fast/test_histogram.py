"""The latency histogram: against exact quantiles, against hdrhistogram, and both cores against each other."""

import random

import pytest

from pm_data.errors import E6OverflowError

SEED = 20261123
QUANTILES = (0, 1, 10, 250, 500, 900, 990, 999, 1000)


@pytest.fixture
def histogram(core):
    return core.histogram.Histogram()


def durations(count):
    print("seed", SEED)
    generator = random.Random(SEED)
    return [round(generator.lognormvariate(10, 3)) for _ in range(count)]


def test_quantiles_are_right_to_one_part_in_32(histogram):
    found = durations(20_000)
    for duration in found:
        histogram.add(duration)
    found.sort()
    for per_mille in QUANTILES[1:]:
        exact = found[-(-len(found) * per_mille // 1000) - 1]
        assert exact <= histogram.quantile(per_mille) <= exact + exact // 32
    assert (histogram.count, histogram.max_ns) == (len(found), found[-1])


def test_quantiles_are_those_of_hdrhistogram(histogram):
    hdrh = pytest.importorskip(
        "hdrh.histogram", reason="hdrhistogram is not installed; the extra test has it on Linux, x86-64"
    )
    theirs = hdrh.HdrHistogram(1, 2**50, 3)
    for duration in durations(20_000):
        histogram.add(max(duration, 1))
        theirs.record_value(max(duration, 1))
    for per_mille in QUANTILES[2:]:
        expected = theirs.get_value_at_percentile(per_mille / 10)
        assert (
            expected - expected // 500 - 1 <= histogram.quantile(per_mille) <= expected + expected // 30 + 1
        )


def test_below_64_every_value_is_exact(histogram):
    for value in range(64):
        histogram.add(value)
        assert histogram.quantile(1000) == value
    assert [histogram.quantile(per_mille) for per_mille in (1, 500, 750)] == [0, 31, 47]


def test_empty_and_negative(histogram):
    assert [histogram.quantile(per_mille) for per_mille in QUANTILES] == [0] * len(QUANTILES)
    for duration in (-5, 0, 1, 2**62):
        histogram.add(duration)
    assert [histogram.quantile(per_mille) for per_mille in (250, 500, 750, 1000)] == [0, 0, 1, 2**62]


@pytest.mark.parametrize(
    ("value", "error"),
    [(True, TypeError), (1.0, TypeError), (2**63, E6OverflowError), (-(2**63) - 1, E6OverflowError)],
)
def test_what_is_refused_changes_nothing(histogram, value, error):
    with pytest.raises(error):
        histogram.add(value)
    with pytest.raises(error):
        histogram.quantile(value)
    assert (histogram.count, histogram.max_ns, histogram.quantile(1000)) == (0, 0, 0)


@pytest.mark.parametrize("per_mille", [-1, 1001])
def test_a_quantile_is_from_0_to_1000(histogram, per_mille):
    with pytest.raises(ValueError, match="is not from 0 to 1000"):
        histogram.quantile(per_mille)


def test_histogram_parity(both_cores):
    """Every power of two and its neighbours, up to the int64 edges, then at random."""
    pure, compiled = (core.histogram.Histogram() for core in both_cores)
    edges = [2**power + near for power in range(63) for near in (-1, 0, 1)]
    for duration in [*edges, -(2**63), 2**63 - 1, *durations(3_000)]:
        pure.add(duration)
        compiled.add(duration)
    assert (pure.count, pure.max_ns) == (compiled.count, compiled.max_ns)
    for per_mille in range(1001):
        assert pure.quantile(per_mille) == compiled.quantile(per_mille)
