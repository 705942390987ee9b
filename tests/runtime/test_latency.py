"""The latency histogram, against exact quantiles; and the stages of a run."""

import random

from support.frames import book

from pm_data.frame import Kind, Record
from pm_data.runtime import fees
from pm_data.runtime.execution import SimTerms
from pm_data.runtime.latency import STAGES, Histogram, StageClock
from pm_data.runtime.orchestrator import Orchestrator
from pm_data.strategy.loading import load_strategies

SEED = 20261123


def test_quantiles_are_right_to_one_part_in_32():
    print("seed", SEED)
    generator = random.Random(SEED)
    histogram = Histogram()
    durations = [round(generator.lognormvariate(10, 3)) for _ in range(20_000)]
    for duration in durations:
        histogram.add(duration)
    durations.sort()
    for per_mille in (1, 500, 900, 990, 999, 1000):
        exact = durations[-(-len(durations) * per_mille // 1000) - 1]
        assert exact <= histogram.quantile(per_mille) <= exact + exact // 32 + 1
    assert histogram.report()["max"] == durations[-1]


def test_small_and_odd_durations():
    histogram = Histogram()
    assert histogram.report() == {"count": 0, "p50": 0, "p90": 0, "p99": 0, "p99_9": 0, "max": 0}
    for duration in (-5, 0, 1, 2**62):
        histogram.add(duration)
    assert [histogram.quantile(per_mille) for per_mille in (250, 500, 750, 1000)] == [0, 0, 1, 2**62]


def test_the_stages_of_a_run_are_timed_and_change_nothing(core):
    ticks = iter(range(0, 10_000_000, 1000))
    lines = {}
    for stages in (None, StageClock(lambda: next(ticks))):
        seen = lines[stages is None] = []
        engine = Orchestrator(
            load_strategies(["toy_spread"], []),
            lambda _markets: SimTerms(fees.flat(0)),
            on_intent=lambda seq, passed, seen=seen: seen.append((seq, passed)),
            core=core,
            stages=stages,
        )
        engine.run([Record(0, n, Kind.TEXT, 0, 0, 1, n, 0, book(bids=[("0.3", f"{n}")])) for n in (1, 2, 3)])
    assert lines[True] == lines[False]
    report = stages.report()
    assert tuple(report) == STAGES
    counts = {stage: found["count"] for stage, found in report.items()}
    assert counts == {
        "receive_to_decode": 3,
        "decode": 3,
        "normalize_and_state": 3,
        "strategy": 5,  # three books, and on_start and on_stop
        "allocator": 5,
        "execution": 6,
        "emit": 6,
        "end_to_end": 3,
    }
    assert report["decode"]["max"] == 1000
