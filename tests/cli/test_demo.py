"""The demo keeps every promise, in any directory."""

import pytest
from support.commands import json_line, pm_data


@pytest.mark.timeout(90)
def test_the_demo_passes(tmp_path):
    done = pm_data("demo", cwd=tmp_path)
    line = json_line(done)
    assert (done.returncode, line["ok"]) == (0, True), done.stderr
    promises = done.stderr.splitlines()[-7:]  # capture-gates has lines of that kind before them
    assert [text.split()[0] for text in promises] == ["PASS"] * 7
    assert (tmp_path / line["run_dir"] / "manifest.json").is_file()


def test_the_demo_is_not_led_astray_by_settings_in_the_environment(tmp_path):
    done = pm_data("demo", cwd=tmp_path, PM_DATA_WS_SHARDS="many")
    assert (done.returncode, done.stdout) == (78, "")
    assert "PM_DATA_WS_SHARDS: 'many' is not a whole number" in done.stderr
