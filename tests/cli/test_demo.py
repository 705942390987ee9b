"""The demo keeps every promise, in any directory."""

import os
import re
import subprocess
import sys

import pytest
from support.commands import ROOT, json_line, pm_data


@pytest.mark.timeout(90)
def test_the_demo_passes_in_any_directory(tmp_path):
    for name in ("json.py", "random.py", "zlib.py"):
        (tmp_path / name).write_text("raise SystemExit('not mine')", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pm_data", "demo"],  # as the script that is installed
        capture_output=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
        check=False,
    )
    line = json_line(done)
    assert (done.returncode, line["ok"]) == (0, True), done.stderr
    promises = done.stderr.splitlines()[-8:]  # capture-gates has lines of that kind before them
    assert [text.split()[0] for text in promises] == ["PASS"] * 8
    told = re.fullmatch(
        r"PASS  live equals replay: (\d+) events, (\d+) intents, (\d+) fills, PnL, all the same", promises[1]
    )
    assert all(int(count) > 0 for count in told.groups())
    assert (tmp_path / line["run_dir"] / "manifest.json").is_file()


def test_the_demo_is_not_led_astray_by_settings_in_the_environment(tmp_path):
    done = pm_data("demo", cwd=tmp_path, PM_DATA_WS_SHARDS="many")
    assert (done.returncode, done.stdout) == (78, "")
    assert "PM_DATA_WS_SHARDS: 'many' is not a whole number" in done.stderr
