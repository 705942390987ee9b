"""The workflow files and the wheel builder's settings, as far as they can be held against this tree."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_says_that_it_was_never_run_and_starts_what_there_is(path):
    text = path.read_text()
    assert "never run by us" in text.splitlines()[0]
    for script in re.findall(r"(?:python )?((?:tools|\.ci)/[\w.]+)", text):
        assert (ROOT / script).is_file(), script
    assert "secrets." not in text


def test_every_python_that_is_promised_is_built_and_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == ">=3.11"
    built = re.findall(r"cp3(\d+)-\*", project["tool"]["cibuildwheel"]["build"])
    tested = re.findall(r'"3\.(\d+)"', (ROOT / ".github/workflows/tests.yml").read_text().split("core:")[0])
    assert built == tested == ["11", "12", "13", "14"]
    assert project["tool"]["cibuildwheel"]["environment"]["PM_DATA_CORE"] == "compiled"
