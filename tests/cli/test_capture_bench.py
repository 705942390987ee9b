"""`capture-bench`: one JSON line, and nothing left behind unless asked for."""

import pytest
from support.commands import json_line, pm_data


def test_one_line_and_no_files(tmp_path):
    done = pm_data("capture-bench", "--frames", 2000, "--fsync", "every", "--ws-shards", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    line = json_line(done)
    assert (line["ok"], line["frames"], line["shards"], line["fsync"]) == (True, 2000, 2, "every")
    keys = {"core", "frames_per_second", "mb_per_second", "write_p99_ms", "fsync_p99_ms", "run_dir"}
    assert keys | {"received_to_written_p99_ms"} <= line.keys()
    assert list(line["ns_per_frame"]) == ["os_write", "os_write_batches", "encode", "writer"]
    assert all(cost > 0 for cost in line["ns_per_frame"].values())
    assert line["ns_per_frame"]["encode"] < line["ns_per_frame"]["writer"]
    assert list(tmp_path.iterdir()) == []


def test_a_kept_run_is_clean(tmp_path):
    line = json_line(pm_data("capture-bench", "--frames", 500, "--keep", "--data-dir", tmp_path))
    assert pm_data("capture-verify", "--run-dir", line["run_dir"]).returncode == 0


@pytest.mark.parametrize("arguments", [["--frames", "0"], ["--rate", "-1"], ["--fsync", "often"]])
def test_a_bad_value_is_one_line(arguments):
    done = pm_data("capture-bench", *arguments)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (78, "", 1)
