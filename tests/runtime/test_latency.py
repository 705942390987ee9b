"""The stages of a run are timed from outside."""

from support.frames import book

from pm_data.frame import Kind, Record
from pm_data.runtime import fees
from pm_data.runtime.execution import SimTerms
from pm_data.runtime.latency import STAGES, StageClock
from pm_data.runtime.orchestrator import Orchestrator
from pm_data.strategy.loading import load_strategies


def test_the_stages_of_a_run_are_timed_and_change_nothing(core):
    ticks = iter(range(0, 10_000_000, 1000))
    lines = {}
    for stages in (None, StageClock(lambda: next(ticks))):
        seen = lines[stages is None] = []
        engine = Orchestrator(
            load_strategies(["toy_spread"], []),
            lambda _markets: SimTerms(fees.flat(0)),
            on_intent=lambda *passed, seen=seen: seen.append(passed),
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
        "allocator": 3,  # one for each answer
        "execution": 3,
        "emit": 6,
        "end_to_end": 3,
    }
    assert report["decode"]["max"] == 1000
