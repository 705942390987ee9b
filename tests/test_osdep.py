"""What differs between operating systems, as far as this one can show."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pm_data import osdep


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
