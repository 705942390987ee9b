"""The bench writes a whole bundle by the real parts, measures them, and leaves nothing behind."""

import os
import resource

import pytest

from pm_data import config
from pm_data.analysis.verify import verify_bundle
from pm_data.bundle.manifest import read_manifest
from pm_data.bundle.opening import open_bundle
from pm_data.capture.bench import Load, run_bench
from pm_data.errors import InputOutputError
from pm_data.frame import Kind
from pm_data.runtime.eventstream import EventStream


def bench(data_dir, *, frames=3_000, rate=None, keep=False, **settings):
    resolved = config.resolve({"data_dir": str(data_dir), **settings}, {})
    return run_bench(resolved, Load(frames, rate), keep=keep)


@pytest.mark.parametrize("fsync", config.FSYNC_MODES)
def test_what_is_measured(tmp_path, fsync):
    found = bench(tmp_path / "data", capture_fsync=fsync, capture_fsync_interval_seconds=0.01)
    assert (found["ok"], found["frames"], found["dropped"], found["shards"]) == (True, 3_000, 0, 8)
    assert found["frames_per_second"] == pytest.approx(3_000 / found["seconds"], rel=0.3)
    assert found["mb_per_second"] == pytest.approx(found["bytes"] / 1e6 / found["seconds"], rel=0.3)
    assert found["seconds"] <= found["seconds_until_durable"]
    assert found["write_count"] == found["received_to_written_count"] > 0
    for name in ("write", "received_to_written", *(() if fsync == "none" else ("fsync",))):
        assert 0 < found[f"{name}_p50_ms"] <= found[f"{name}_p99_ms"] <= found[f"{name}_max_ms"]
    if fsync == "none":
        assert (found["fsync_count"], found["fsync_p99_ms"]) == (0, None)
    if fsync == "every":
        assert found["fsync_count"] == found["write_count"]
    assert not (tmp_path / "data").exists()


def test_a_rate_is_kept(tmp_path):
    found = bench(tmp_path, frames=2_000, rate=4_000)
    assert found["rate"] == 4_000
    assert 200 < found["frames_per_second"] <= 4_100


def test_what_is_kept_is_a_whole_bundle(tmp_path):
    found = bench(tmp_path, frames=25_000, keep=True)
    bundle = open_bundle(tmp_path / "runs" / os.path.basename(found["run_dir"]))
    assert (bundle.status, verify_bundle(bundle).ok) == ("closed", True)
    totals = read_manifest(bundle.run).totals
    assert (totals.received, totals.written, totals.dropped) == (25_000, 25_000, 0)
    stream = EventStream()
    records = list(bundle.replay_records(pytest.fail))
    assert sum(len(stream.process(record)) for record in records) > 1_000
    assert sum(len(record.payload) for record in records if record.kind != Kind.CONTROL) == found["bytes"]


def test_a_full_queue_drops_and_says_so(tmp_path):
    found = bench(tmp_path, frames=20_000, rate=10**9, capture_queue_max_frames=100)
    assert found["dropped"] > 0
    assert found["frames"] + found["dropped"] == 20_000


def test_a_disk_that_refuses_is_one_error(tmp_path):
    """A file may not grow beyond a limit: EFBIG, as from a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(InputOutputError, match="File too large"):
            bench(tmp_path, frames=20_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path).iterdir()) == []
