"""What differs between operating systems, as far as this one can show."""

import io
import ntpath
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.commands import pm_data

from pm_data import osdep
from pm_data.bundle.layout import validate_run_id
from pm_data.errors import ConfigError


def test_an_atomic_write_replaces_whole_files(tmp_path):
    path = tmp_path / "manifest.json"
    osdep.write_file_atomically(path, b"one")
    osdep.write_file_atomically(path, b"two" * 100_000)
    assert path.read_bytes() == b"two" * 100_000
    assert [entry.name for entry in tmp_path.iterdir()] == ["manifest.json"]


def test_a_lock_is_held_against_another_process(tmp_path):
    path = tmp_path / "lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        assert osdep.try_lock(fd)
        code = (
            "import os, sys; from pm_data import osdep; "
            "print(osdep.try_lock(os.open(sys.argv[1], os.O_RDWR)))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, path],
            capture_output=True,
            encoding="utf-8",
            check=True,
            cwd=Path(osdep.__file__).parent.parent,
        )
        assert done.stdout == "False\n"
    finally:
        os.close(fd)


def test_the_first_signal_asks_to_stop_and_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    stops = []
    with osdep.stop_signals(lambda: stops.append(1)):
        os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == before
    assert stops == [1]
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.skipif(osdep.WINDOWS, reason="Windows has the timer; there it would change it")
def test_the_timer_is_no_business_of_this_system():
    with osdep.high_resolution_timer(True):
        pass


def test_directory_and_data_syncs(tmp_path):
    osdep.sync_directory(tmp_path)
    fd = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"x")
    osdep.sync_data(fd)
    os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        osdep.sync_data(fd)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows a thread's own priority")
def test_a_thread_gives_way_alone():
    seen = []

    def give_way():
        osdep.lower_thread_priority()
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=give_way)
    thread.start()
    thread.join()
    assert seen == [19]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


@pytest.mark.parametrize(("encoding", "newline"), [("cp1252", "\r\n"), ("ascii", None), ("utf-16", "\r")])
def test_stdout_writes_the_same_bytes_everywhere(encoding, newline):
    """The seam where Windows would write CR LF and a code page: such a stream, made here."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline=newline)
    osdep.print_exactly(stream)
    stream.write('{"slug":"będzie-à-12-€"}\n')
    stream.flush()
    assert raw.getvalue() == '{"slug":"będzie-à-12-€"}\n'.encode()


def test_a_stream_of_a_test_is_left_alone():
    osdep.print_exactly(io.StringIO())


def test_the_line_is_the_same_in_any_locale():
    lines = set()
    for variables in ({}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii:backslashreplace"}):
        done = pm_data("config", PM_DATA_DATA_DIR="./à-12-€", **variables)
        lines.add((done.returncode, done.stdout))
    ((code, line),) = lines
    assert code == 0
    assert "./à-12-€" in line


@pytest.mark.parametrize("run_id", ["a/b", "a\\b", "..", "C:x", "con", "NUL.txt", "a:b", "com1", ".hidden"])
def test_a_run_id_names_no_other_place_on_windows_either(run_id):
    """The path seam: what ntpath would take apart, or Windows give to a device, is no run id."""
    with pytest.raises(ConfigError):
        validate_run_id(run_id)


@pytest.mark.parametrize("run_id", ["run-10m", "a.b_c", "20261125T120000Z-0f0f"])
def test_a_run_id_is_one_part_of_a_path_on_windows_too(run_id):
    assert ntpath.join("D:\\data", "runs", validate_run_id(run_id)).split("\\") == [
        "D:",
        "data",
        "runs",
        run_id,
    ]
    assert ntpath.basename(run_id) == run_id


@pytest.mark.parametrize("has_flag", [True, False])
def test_a_link_is_not_followed(tmp_path, monkeypatch, has_flag):
    """Windows has no O_NOFOLLOW: there the look before the opening is all there is (rule X1)."""
    if not has_flag:
        monkeypatch.delattr(os, "O_NOFOLLOW")
    (tmp_path / "file").write_bytes(b"data")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.close(osdep.open_regular(tmp_path / "file"))
    with pytest.raises(OSError, match=r"not a regular file"):
        osdep.open_regular(tmp_path / "link")
