"""The table of tools/tests_can_fail.py fits this tree; planting the defects is a soak."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEFECTS = runpy.run_path(str(ROOT / "tools" / "tests_can_fail.py"))["DEFECTS"]


def test_there_are_enough():
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 25


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name.replace(" ", "_"))
def test_a_defect_can_be_planted(defect):
    text = (ROOT / defect.path).read_text(encoding="utf-8")
    assert text.count(defect.right) == 1
    compile(text.replace(defect.right, defect.wrong), defect.path, "exec")
    assert all((ROOT / test).is_file() for test in defect.tests.split())
