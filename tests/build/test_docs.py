"""Every shell block of README.md and docs/tutorial.md, run; every link of every document, followed."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

ROOT = Path(__file__).resolve().parents[2]
SHELL_BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
ELSEWHERE = {
    # tests/build/test_bootstrap.py and test_install.py hold what an installation does
    "python3 tools/bootstrap.py demo": "pm_data demo",
    "python3 tools/bootstrap.py test": "true",  # which this test is a part of
    "python3 -m venv venv && venv/bin/pip install .      # or: uv pip install .": "true",
    ".venv/bin/pm_data ": "pm_data ",
}


def shell_blocks(name):
    blocks = SHELL_BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))
    assert blocks
    return blocks


def environment(tmp_path, urls=None):
    """Return an environment in which `pm_data` is the one under test."""
    command = tmp_path / "bin" / "pm_data"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pm_data "$@"\n')
    command.chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PM_DATA_")}
    venue = {f"PM_DATA_{name.upper()}": value for name, value in (asdict(urls) if urls else {}).items()}
    paths = {
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    return inherited | venue | paths | {"PM_DATA_CORE": os.environ.get("PM_DATA_CORE", "auto")}


def bash(script, directory, **options):
    command = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.Popen(
        command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


@pytest.mark.long
def test_every_block_of_the_readme(tmp_path):
    """Line by line; a capture without a duration gets its Ctrl-C after some seconds."""
    with EmbeddedVenue(VenueOptions(markets=30, rate=200)) as venue:
        variables = environment(tmp_path, venue.urls)
        for line in "".join(shell_blocks("README.md")).splitlines():
            for written, run in ELSEWHERE.items():
                line = line.replace(written, run)
            process = bash(line, tmp_path, env=variables, start_new_session=True)
            if line.startswith("pm_data capture "):
                time.sleep(6)
                os.killpg(process.pid, signal.SIGINT)
            said = process.communicate(timeout=90)
            assert process.returncode == 0, (line, said)
    assert list(tmp_path.glob("data/runs/demo-*/latency_report.html"))


@pytest.mark.long
def test_every_block_of_the_tutorial(tmp_path):
    """All blocks are one script: what one sets, the next uses."""
    script = "".join(shell_blocks("docs/tutorial.md"))
    process = bash(script, tmp_path, env=environment(tmp_path), start_new_session=True)
    try:
        out, errors = process.communicate(timeout=110)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, (out[-2000:], errors[-2000:])
    assert "PASS\n" in out
    assert (tmp_path / "data/runs/first/latency_report.html").is_file()
    assert (tmp_path / "my_idea.html").is_file()


def documents():
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_every_link_leads_somewhere(path):
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_every_command_that_a_document_names_is_there():
    from pm_data.cli.registry import COMMANDS

    names = {command.NAME for command in COMMANDS}
    for path in documents():
        for named in re.findall(r"pm_data ([a-z]+(?:-[a-z]+)*)", path.read_text(encoding="utf-8")):
            if "-" in named or path.name in ("tutorial.md", "operations.md"):
                assert named in names | {"is", "has"}, (path.name, named)


def test_the_picture_is_small():
    assert (ROOT / "docs" / "report.png").stat().st_size < 150_000
