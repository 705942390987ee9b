"""normalizer_total: a large frame is one frame, in linear time, whatever it repeats (rules N1, N4)."""

import json
import os
import subprocess
import sys

import pytest
from support import large_frames
from support.large_frames import MEBIBYTE, PARTS, large, take

EXPECTED = {
    **dict.fromkeys(("brackets", "braces", "backslashes"), "bad_json"),
    **dict.fromkeys(("lists", "objects", "numbers", "asset_id"), "bad_schema"),
    **dict.fromkeys(("digits", "string", "escapes", "keys", "wide"), "data"),
    **dict.fromkeys(("timestamp", "price", "decimals", "levels", "levels_then_odd", "entries"), "data"),
    **{"spaces": "empty", "letters": "non_json", "nul": "non_json", "not_utf8": "bad_utf8"},
}


def growth(core, name):
    """Return how many times as long eight times the bytes take, after checking what each counted as."""
    times = []
    for size in (MEBIBYTE // 32, MEBIBYTE // 4):
        classes, seconds = take(core, large(name, size))
        assert classes == {EXPECTED[name]: 1}, name
        times.append(max(seconds, 0.0005))
    return times[1] / times[0]


def test_each_is_in_its_class_in_linear_time(core):
    """Eight times the bytes take no more than thrice eight times as long; a square would take 64 times."""
    for name in PARTS:
        # A busy machine may slow one of the two; it does not do so each time.
        assert any(growth(core, name) < 24 for _attempt in range(8)), name


@pytest.mark.long
@pytest.mark.timeout(600)
def test_frames_of_64_mebibytes_in_little_memory(core):
    """N4: with 2 GiB at hand each counts once, and neither MemoryError nor RecursionError gets out."""
    done = subprocess.run(
        [sys.executable, large_frames.__file__, core.name, str(64 * MEBIBYTE)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for name, (classes, seconds) in json.loads(done.stdout).items():
        assert classes in ({EXPECTED[name]: 1}, {"bad_json": 1}), name
        assert seconds < 60, name
