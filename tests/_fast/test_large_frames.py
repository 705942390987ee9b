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


def test_each_is_in_its_class_in_linear_time(core):
    """Eight times the bytes take no more than thrice eight times as long; a square would take 64 times."""
    for name in PARTS:
        (small, _), (seen, seconds) = (
            min((take(core, large(name, size)) for _ in range(2)), key=lambda taken: taken[1])
            for size in (MEBIBYTE // 32, MEBIBYTE // 4)
        )
        assert small == seen == {EXPECTED[name]: 1}, name
        assert seconds < 24 * max(_, 0.0005), name


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
