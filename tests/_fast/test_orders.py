"""Gate, desk and rounds: whatever a strategy asks for, both cores do the same with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.random_intents import outcome

SEED = 20261126
RUNS = 300


def printed(core):
    """Return what a process that runs on this core prints; its strategies make this core's intents."""
    tests = Path(__file__).parent.parent
    environment = os.environ | {"PM_DATA_CORE": core, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"}
    command = [sys.executable, "-m", "support.random_intents", str(SEED), str(SEED + RUNS)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


@pytest.mark.usefixtures("both_cores")
def test_random_intents_come_to_the_same_on_both_cores():
    print("seed", SEED)
    pure, compiled = printed("pure"), printed("compiled")
    assert len(pure) == RUNS
    for number, (ours, theirs) in enumerate(zip(pure, compiled, strict=True)):
        assert theirs == ours, f"seed {SEED + number}"
    everything = "\n".join(pure)
    for word in (
        *("bad_text", "bad_side", "bad_size", "bad_price", "bad_terms"),
        *("event_limit", "strategy_limit", "market_limit", "notional_limit", "position_limit"),
        *("maker", "not_live", "past_limit", "used_up", "short", "cash", "no_pair", "StrategyError"),
    ):
        assert word in everything, f"no case of {word}"


def test_either_core_takes_the_other_ones_intents(both_cores):
    """In one process all strategies make intents of the core in force; reasons may be in another order."""
    print("seed", SEED)
    for seed in range(SEED, SEED + 60):
        (*first, counts, pnl), (*second, others, sums) = (outcome(core, seed) for core in both_cores)
        assert (second, sums) == (first, pnl), f"seed {seed}"
        assert [sorted(reasons) for reasons in others] == [sorted(reasons) for reasons in counts], seed
