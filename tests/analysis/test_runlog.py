"""A run log is read whatever a crash or a stranger left in it."""

import os

import pytest
from support.runlogs import quiet_run, write_lines

from pm_data.analysis.audit import audit
from pm_data.analysis.runlog import milliseconds, read_lines, text, whole
from pm_data.errors import UsageError


def test_what_is_no_object_is_left_out(tmp_path):
    path = tmp_path / "runlog.ndjson"
    write_lines(path, quiet_run(3))
    path.write_bytes(b'[1]\nnull\n{"a": NaN}\n\xff\n' + path.read_bytes() + b'{"record_type": "heartb')
    assert list(read_lines(path)) == quiet_run(3)


def test_a_link_and_a_pipe_are_not_followed(tmp_path):
    target = tmp_path / "elsewhere"
    write_lines(target, quiet_run(1))
    (tmp_path / "link").symlink_to(target)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "nothing"):
        with pytest.raises(UsageError, match=name):
            list(read_lines(tmp_path / name))


@pytest.mark.parametrize("value", [None, "7", -1, 1.5, True, 2**63, [], {}])
def test_odd_values_count_as_none(value):
    assert whole({"x": value}, "x") == 0
    assert milliseconds({"m": value}, "m", "p99") is None
    assert text({"x": value}, "x") == ("7" if value == "7" else "")


def test_odd_stamps_do_not_stop_an_audit():
    odd = {"record_type": "heartbeat", "hb_mono_ns": "later"}
    assert audit([*quiet_run(2), odd]).hb_count == 3
