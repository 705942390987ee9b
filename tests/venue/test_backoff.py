import random

from pm_data.venue.backoff import Backoff


def test_bound_doubles_up_to_30_seconds_with_the_jitter_kept() -> None:
    delays = [[] for _ in range(12)]
    for seed in range(500):
        backoff = Backoff(random.Random(seed))
        for at in delays:
            at.append(backoff.next_delay_seconds())
    bounds = [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30]
    for at, bound in zip(delays, bounds, strict=True):
        assert max(at) <= bound
        assert max(at) > 0.9 * bound
        assert min(at) < 0.1 * bound


def test_reset_starts_small_again() -> None:
    backoff = Backoff(random.Random(1))
    for _ in range(8):
        backoff.next_delay_seconds()
    backoff.reset()
    assert backoff.next_delay_seconds() <= 0.25
