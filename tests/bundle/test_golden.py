"""Bundles of every version of the format are read for ever."""

import importlib.util
from pathlib import Path

import pytest
from support.commands import json_line, pm_data

from pm_data.bundle.format import FORMAT_VERSION

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"


def files_in(directory):
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


@pytest.mark.parametrize("version", range(FORMAT_VERSION + 1))
def test_every_version_reads_as_it_was_recorded(version):
    directory = GOLDEN / f"format-{version}"
    done = pm_data("capture-verify", "--run-dir", directory / "run")
    assert (done.returncode, done.stderr) == (0, "")
    assert json_line(done)["ok"]
    done = pm_data("capture-frames", "--run-dir", directory / "run")
    assert done.stdout == (directory / "capture-frames.ndjson").read_text(encoding="utf-8")


def test_the_present_version_is_written_as_it_was(tmp_path):
    spec = importlib.util.spec_from_file_location("make_golden", ROOT / "tools" / "make_golden.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.write_golden(tmp_path / "run")
    assert files_in(tmp_path / "run") == files_in(GOLDEN / f"format-{FORMAT_VERSION}" / "run")
