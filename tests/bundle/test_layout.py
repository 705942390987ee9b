import os
import subprocess
import sys

import pytest

from pm_data.bundle.layout import RunDir, create_run_dir, is_being_written, new_run_id, validate_run_id
from pm_data.errors import ConfigError, UsageError


@pytest.mark.parametrize("run_id", ["a", "run-10m", "A.b_c-9", "x" * 64, "console", "comma", "a..b"])
def test_run_ids_that_may_be(run_id):
    assert validate_run_id(run_id) == run_id


@pytest.mark.parametrize(
    "run_id",
    ["", ".", "..", "-a", "_a", "a/b", "../a", "a\\b", "a b", "a\n", "é", "x" * 65, "a\0b", "con", "NUL"],
)
def test_run_ids_that_may_not(run_id):
    with pytest.raises(ConfigError, match="run id"):
        validate_run_id(run_id)


@pytest.mark.parametrize("run_id", ["nul.txt", "Com1", "lpt9.a.b", "aux."])
def test_devices_of_windows(run_id):
    with pytest.raises(ConfigError, match="name of a device"):
        validate_run_id(run_id)


def test_new_run_ids_are_valid_and_differ():
    ids = {validate_run_id(new_run_id()) for _ in range(50)}
    assert len(ids) > 40


def test_a_used_run_id_is_refused_by_name(tmp_path):
    create_run_dir(tmp_path, "one").release()
    with pytest.raises(UsageError, match="run id 'one' is used already"):
        create_run_dir(tmp_path, "one")


def test_names(tmp_path):
    with create_run_dir(tmp_path / "data", "one") as run:
        assert run.path == tmp_path / "data" / "runs" / "one"
        assert run.run_id == "one"
        assert run.frames(3) == run.path / "capture" / "shard_03.frames"
        assert run.idx(123).name == "shard_123.idx"
        assert run.capture.is_dir()
        assert run.metrics.is_dir()


def test_the_lock_is_seen_and_goes_with_its_owner(tmp_path):
    with create_run_dir(tmp_path, "one") as run:
        assert is_being_written(run)
        assert is_being_written(run)
    assert not is_being_written(run)


def test_the_lock_of_a_killed_process_is_gone(tmp_path):
    code = (
        "import sys; from pathlib import Path; from pm_data.bundle.layout import create_run_dir;"
        "run = create_run_dir(Path(sys.argv[1]), 'one'); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline().strip() == b"held"
        run = RunDir(tmp_path / "runs" / "one")
        assert is_being_written(run)
        process.kill()
        process.wait()
    assert not is_being_written(run)


def test_a_lock_that_is_no_file_is_no_lock(tmp_path):
    os.mkfifo(tmp_path / "lock")
    assert not is_being_written(RunDir(tmp_path))
    assert not is_being_written(RunDir(tmp_path / "none"))
