"""The text files of a run: whole lines, in order, and a refusal is fatal."""

import json
import sys

import pytest

from pm_data.capture.fatal import Cause, FatalLatch
from pm_data.capture.journal import AppendFile, Journal
from pm_data.capture.runlog import RunLog


def test_lines_come_whole_and_in_order(tmp_path):
    latch = FatalLatch()
    (tmp_path / "metrics").mkdir()
    journal = Journal(tmp_path, latch)
    runlog = RunLog(journal)
    for number in range(100):
        runlog.append("heartbeat", {"number": number})
        journal.append("metrics/global.ndjson", {"number": number, "text": "Zürich"})
    journal.close(10)
    lines = [json.loads(line) for line in (tmp_path / "runlog.ndjson").read_text("utf-8").splitlines()]
    assert [line["number"] for line in lines] == list(range(100))
    assert list(lines[0]) == ["record_type", "mono_ns", "wall_ns_utc", "number"]
    assert (tmp_path / "metrics" / "global.ndjson").read_bytes().count(b"\n") == 100
    assert latch.fatal is None


def test_a_refused_file_is_fatal(tmp_path):
    latch = FatalLatch()
    (tmp_path / "runlog.ndjson").write_text("somebody else's")
    journal = Journal(tmp_path, latch)
    journal.append("runlog.ndjson", {})
    journal.append("other.ndjson", {})
    journal.close(10)
    assert latch.fatal.cause is Cause.WRITE_ERROR
    assert "runlog.ndjson" in latch.fatal.message
    assert (tmp_path / "runlog.ndjson").read_text() == "somebody else's"
    assert not (tmp_path / "other.ndjson").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_torn_line_is_taken_back(tmp_path):
    import resource

    file = AppendFile(tmp_path / "x.ndjson")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        file.append(b"12345\n")
        with pytest.raises(OSError, match="File too large"):
            file.append(b"123456789\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    file.close()
    assert (tmp_path / "x.ndjson").read_bytes() == b"12345\n"
