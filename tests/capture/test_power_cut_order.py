"""Rules D3 and D10: a power cut between any two system calls of a real capture.

The disk keeps only what POSIX promises. What was synced is found again, and the manifest is whole.
"""

import random

import pytest
from support.captures import Capture, run_command
from support.disk_model import Disk, steps, strace_command
from support.faults import need_strace
from support.records import read_shard

from pm_data.analysis.verify import verify_bundle
from pm_data.bundle.opening import open_bundle
from pm_data.bundle.reader import ShardReader
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

SEED = 20261123
EVERY_NTH_WRITE = 15


def lay_down(tree, directory):
    """Make the files of a tree of dicts and bytes."""
    directory.mkdir()
    for name, thing in tree.items():
        if isinstance(thing, dict):
            lay_down(thing, directory / name)
        else:
            (directory / name).write_bytes(thing)


def records_in(data, path):
    """Return the records that stand at the beginning of these bytes of a `.frames` file."""
    path.write_bytes(data)
    damage = []
    records = [record for batch in ShardReader(path, None, damage.append).batches() for record in batch]
    return records[: damage[0].record] if damage else records


def written(disk, run_path, scratch):
    """Return shard to all its records, and how many of them were synced, of those that have any."""
    try:
        names = disk.at(run_path / "capture").seen()
    except KeyError:
        return {}
    return {
        int(name[6:8]): (
            records_in(file.data, scratch),
            len(records_in(file.data[: file.synced], scratch)),
        )
        for name, file in names.items()
        if name.endswith(".frames") and file.synced
    }


def check_cuts(traces, root, tmp_path):
    """Cut the power after each step; return how often."""
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    disk = Disk(root)
    run_path = root / "data/runs/run"
    cuts = 0
    for number, (call, _path) in enumerate(steps(traces, disk)):
        if call == "write" and number % EVERY_NTH_WRITE:
            continue
        left = tmp_path / f"cut-{number}"
        lay_down(disk.after_cut(rng), left)
        check_cut(left / "data/runs/run", written(disk, run_path, tmp_path / "scratch"))
        cuts += 1
    lay_down(disk.after_cut(rng), tmp_path / "end")
    bundle = open_bundle(tmp_path / "end/data/runs/run")
    assert (bundle.status, verify_bundle(bundle).ok) == ("closed", True)
    return cuts


def check_cut(run_dir, shards):
    """Hold what a cut left against what was written and synced."""
    if not (run_dir / "manifest.json").exists():
        assert shards == {}
        return
    bundle = open_bundle(run_dir)
    assert bundle.damage == []
    for shard, (records, synced) in shards.items():
        found, damage = read_shard(bundle, shard)
        whole = damage[0].record if damage else len(found)
        assert whole >= synced
        assert found[:whole] == records[:whole]
    if bundle.status == "closed":
        assert verify_bundle(bundle).ok


@pytest.fixture
def traced(tmp_path):
    """Return a directory for traces, and one that is the disk."""
    need_strace()
    traces, root = tmp_path / "traces", tmp_path.resolve() / "disk"
    traces.mkdir()
    root.mkdir()
    return traces, root


def test_power_cut_between_any_two_calls_of_a_capture(traced, tmp_path):
    traces, root = traced
    flags = ["--ws-shards=2", "--duration-seconds=1.1", "--capture-fsync-interval-seconds=0.1"]
    with (
        EmbeddedVenue(VenueOptions(markets=4, rate=300)) as venue,
        Capture(venue.urls, root / "data", *flags, under=strace_command(traces)) as capture,
    ):
        assert capture.finish()[0] == 0
    assert check_cuts(traces, root, tmp_path) > 80


def test_power_cut_between_any_two_calls_of_an_offline_capture(traced, tmp_path):
    traces, root = traced
    fixtures = tmp_path / "fixtures"
    fixtures.mkdir()
    for name in ("a.ndjson", "b.ndjson"):
        (fixtures / name).write_text("".join(f'{{"n":{number}}}\n' for number in range(300)))
    flags = ["--offline", f"--fixtures-dir={fixtures}", f"--data-dir={root / 'data'}", "--run-id=run"]
    done = run_command("capture", *flags, under=strace_command(traces))
    assert done.returncode == 0, done.stderr
    assert check_cuts(traces, root, tmp_path) > 20
