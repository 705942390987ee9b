"""Rule H1: one bundle, one stable line, whatever runs it, wherever it lies, however its frames are spread."""

import json
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from support.commands import pm_data
from support.records import write_run

from pm_data.bundle.opening import open_bundle
from pm_data.venue.embedded.generate_bundle import write_bundle
from pm_data.venue.embedded.options import VenueOptions

FRAMES = 3_000
RUN = (
    *("--print-hash", "--print-pnl", "--print-summary-json", "--stable-json", "--fee-model", "polymarket"),
    *("--strategy", "toy_spread", "--strategy-params", "toy_spread.min_spread_e6=10000"),
    *("--strategy-params", "toy_spread.urgency=taker", "--strategy-params", "toy_spread.order_type=market"),
    *("--strategy", "pair_taker", "--strategy", "momentum_taker", "--strategy", "counting_maker"),
    *("--strategy-params", "counting_maker.report_seconds=1", "--alloc-max-position-e6", "20000000"),
)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Return the same frames in 8 shards and in 1, each with its idx and without."""
    directory = tmp_path_factory.mktemp("matrix")
    eight = directory / "runs" / "eight"
    write_bundle(VenueOptions(seed=5, markets=40, rate=2_000), FRAMES, eight, 8, 250)
    assert len(list(eight.glob("capture/*.frames"))) == 8
    records = [
        record._replace(shard=0, seq=number)
        for number, record in enumerate(open_bundle(eight).records(pytest.fail))
    ]
    found = {(8, True): eight, (1, True): write_run(directory, [records], run_id="one").path}
    for (shards, _has_idx), place in list(found.items()):
        moved = directory / "moved" / place.name
        shutil.copytree(place, moved)
        for idx in moved.glob("capture/*.idx"):
            idx.unlink()
        found[shards, False] = moved
    return found


def stable_line(place, cwd, python=sys.executable, **environment):
    done = pm_data("run", "--mode", "replay", "--run-dir", place, *RUN, python=python, cwd=cwd, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check(lines):
    assert len(lines) == 1
    line = json.loads(lines.pop())
    assert line["frames"] == FRAMES
    assert min(line["intents"], line["fills"], line["pnl"]["fees_paid_e6"]) > 0
    assert all(
        report["on_top_of_book"]
        for name, report in line["callback_stats"].items()
        if name != "momentum_taker"
    )


def test_replay_hash_matrix(places, tmp_path, core):
    """The short form: each core, and each of the other axes at least once."""
    check(
        {
            stable_line(places[8, True], tmp_path, PM_DATA_CORE=core.name, PYTHONHASHSEED="0"),
            stable_line(
                places[1, False], tmp_path, PM_DATA_CORE=core.name, PYTHONHASHSEED="77", TZ="Asia/Tokyo"
            ),
        }
    )


def test_both_cores_give_one_line(places, tmp_path, both_cores):
    check({stable_line(places[8, False], tmp_path, PM_DATA_CORE=core.name) for core in both_cores})


def interpreters():
    """Return the Python interpreters at hand from 3.11 on, by version."""
    found = {sys.version_info[:2]: sys.executable}
    candidates = [shutil.which(f"python3.{minor}") for minor in range(11, 15)]
    candidates += sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
    for candidate in filter(None, candidates):
        code = "import sys; print(*sys.version_info[:2])"
        done = subprocess.run([candidate, "-c", code], capture_output=True, encoding="utf-8", check=False)
        if done.returncode == 0:
            major, minor = map(int, done.stdout.split())
            if (major, minor) >= (3, 11):
                found.setdefault((major, minor), str(candidate))
    return found


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_whole_matrix(places, tmp_path, both_cores):
    pythons = interpreters()
    print("Pythons:", *pythons)
    if len(pythons) == 1:
        pytest.skip("only one Python from 3.11 on is at hand")
    ways = [("compiled", sys.executable), *(("pure", python) for python in pythons.values())]
    check(
        {
            stable_line(place, tmp_path, python, PM_DATA_CORE=name, PYTHONHASHSEED=seed, LC_ALL=locale)
            for (name, python), place, (seed, locale) in product(
                ways, places.values(), (("0", "C"), ("4294967295", "C.UTF-8"))
            )
        }
    )
