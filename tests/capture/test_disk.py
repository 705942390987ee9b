"""Free space: stated, and too little of it ends the run."""

import time

from pm_data.capture.disk import DiskWatch
from pm_data.capture.fatal import Cause, FatalLatch


def test_enough_space(tmp_path):
    latch = FatalLatch()
    watch = DiskWatch(tmp_path, 3600.0, 0, latch)
    assert watch.free_bytes > 0
    assert latch.fatal is None
    watch.stop()


def test_too_little_space(tmp_path):
    latch = FatalLatch()
    watch = DiskWatch(tmp_path, 3600.0, 2**62, latch)
    assert latch.fatal.cause is Cause.DISK_LOW
    watch.stop()


def test_a_disk_that_goes_away(tmp_path):
    directory = tmp_path / "disk"
    directory.mkdir()
    latch = FatalLatch()
    watch = DiskWatch(directory, 0.01, 0, latch)
    directory.rmdir()
    deadline = time.monotonic() + 10
    while latch.fatal is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert latch.fatal.cause is Cause.DISK_LOW
    assert "disk" in latch.fatal.message
    watch.stop()
