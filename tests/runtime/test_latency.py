"""The stages of a run are timed from outside, and add up."""

from itertools import count

import pytest
from support.frames import A, B, book, encode

from pm_data import clock
from pm_data.frame import Kind, Record
from pm_data.runtime import fees
from pm_data.runtime.execution import SimTerms
from pm_data.runtime.latency import END_TO_END, STAGES, StageClock
from pm_data.runtime.orchestrator import Orchestrator
from pm_data.strategy.loading import load_strategies

TICK_NS = 1_000
QUIET = encode({"event_type": "best_bid_ask", "asset_id": A})


def ticking():
    ticks = count(0, TICK_NS)
    return lambda: next(ticks)


def wide(number, token=A):
    return book(token, bids=[("0.3", str(number))], asks=[("0.5", "9")])


def run(core, payloads, stages, names=("toy_spread",), settings=(), received_ns=lambda: 0):
    lines = []
    engine = Orchestrator(
        load_strategies(names, settings),
        lambda _markets: SimTerms(fees.flat(0)),
        on_event=lambda event: lines.append(tuple(event)),
        on_intent=lambda *passed: lines.append(passed),
        on_fill=lines.append,
        core=core,
        stages=stages,
    )
    engine.run(
        Record(0, number, Kind.TEXT, 0, 0, 1, received_ns(), 0, payload)
        for number, payload in enumerate(payloads, 1)
    )
    return lines


TAKER = ("toy_spread.urgency=taker", "toy_spread.order_type=market")


def test_the_stages_of_a_run_are_timed_and_change_nothing(core):
    stages = StageClock(ticking())
    payloads = [wide(1), QUIET, wide(2), wide(3, B)]
    timed = run(core, payloads, stages, settings=TAKER)
    assert timed == run(core, payloads, None, settings=TAKER)
    report = stages.report()
    assert tuple(report) == (*STAGES, END_TO_END)
    assert {stage: found["count"] for stage, found in report.items()} == {
        "recv_to_decode": 4,
        "normalize": 4,
        "state": 4,
        "strategy": 3,  # on_start and on_stop are of no frame
        "allocator": 3,
        "execution": 3,
        "emit": 3,  # nothing left the second frame
        "end_to_end": 4,
    }
    assert report["normalize"]["max"] == report["strategy"]["max"] == TICK_NS
    # an event, two intents, two fills, and the rest of the frame
    assert report["emit"]["max"] == 6 * TICK_NS


@pytest.mark.parametrize(
    ("payload", "names"),
    [
        (wide(1), ("toy_spread",)),
        (wide(1), ("toy_spread", "counting_maker", "pair_taker")),
        (wide(1), ()),
        (QUIET, ("toy_spread",)),
        (b"[" + wide(1) + b"," + wide(1, B) + b"]", ("toy_spread",)),
    ],
)
@pytest.mark.parametrize("now_ns", [ticking(), clock.mono_ns], ids=["ticks", "clock"])
def test_the_stages_of_a_frame_add_up_to_its_end_to_end(core, payload, names, now_ns):
    stages = StageClock(now_ns)
    run(core, [payload], stages, names, received_ns=now_ns)
    report = stages.report()
    assert sum(report[stage]["max"] for stage in STAGES) == report[END_TO_END]["max"] > 0


class SlowStage(StageClock):
    """One whose clock stands still but for the calls of one stage."""

    def __init__(self, slow):
        self.slow, self.time_ns = slow, 0
        super().__init__(self.now_ns)

    def now_ns(self):
        return self.time_ns

    def timed(self, stage, function):
        def slow(*arguments):
            self.time_ns += TICK_NS * (stage == self.slow)
            return function(*arguments)

        return super().timed(stage, slow)


@pytest.mark.parametrize("stage", STAGES[1:])
def test_each_stage_holds_the_time_that_was_spent_in_it(core, stage):
    stages = SlowStage(stage)
    run(core, [wide(1)], stages, received_ns=stages.now_ns)
    spent_ns = TICK_NS * (3 if stage == "emit" else 1)  # an event and two intents
    found = {name: figures["max"] for name, figures in stages.report().items() if figures["max"]}
    assert found == {stage: spent_ns, END_TO_END: spent_ns}
