"""Samples and their quantiles."""

import pytest

from pm_data.capture.metrics import Samples, quantiles_ms


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (None, None, None)),
        ([5_000_000], (5.0, 5.0, 5.0)),
        ([3_000_000, 1_000_000, 2_000_000, 4_000_000], (2.0, 4.0, 4.0)),
        ([number * 1_000_000 for number in range(1, 201)], (100.0, 198.0, 200.0)),
        ([1_234_567], (1.235, 1.235, 1.235)),
    ],
)
def test_quantiles_are_values_that_occurred(values, expected):
    assert tuple(quantiles_ms(values).values()) == expected


def test_samples_are_bounded_and_taken_once():
    samples = Samples(3)
    for value in range(5):
        samples.add(value)
    assert samples.take() == [2, 3, 4]
    assert samples.take() == []


def test_the_whole_run_counts_what_was_taken_and_what_was_forgotten():
    samples = Samples(3)
    assert samples.whole_run_ms() == {"p50": None, "p99": None, "max": None}
    for number in range(1, 1001):
        samples.add(number * 1_000_000)
        if number % 100 == 0:
            samples.take()
    whole = samples.whole_run_ms()
    assert whole["max"] == 1000.0
    assert whole["p50"] == pytest.approx(500, rel=1 / 32)
    assert whole["p99"] == pytest.approx(990, rel=1 / 32)
