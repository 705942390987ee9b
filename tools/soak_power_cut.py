#!/usr/bin/env python3
"""Cut the power of a real file system under real captures, and count what is lost (rule D3).

Each cut: a fresh capture of the embedded venue on ext4 on a loop device, at a random moment the ext4
shutdown ioctl without a flush of the log, then a mount that replays the log. What the last heartbeat
called durable must be there, and what is there must be a prefix of what the venue sent. Of the disk only
the file system loses power: what it sent to the device counts as written, as with a drive whose cache is
safe. Needs Linux, root and a loop device; says so and ends with 0 where it has them not.

    python3 tools/soak_power_cut.py --cuts 40 --seed 1
"""

import argparse
import fcntl
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))

from support.captures import Capture, assert_prefix_of_sent, heartbeats, read_records, verify  # noqa: E402

from pm_data.bundle.damage import TAILS, DamageClass  # noqa: E402
from pm_data.bundle.layout import RunDir  # noqa: E402
from pm_data.bundle.manifest import read_manifest  # noqa: E402
from pm_data.frame import Kind  # noqa: E402
from pm_data.venue.embedded.in_process import EmbeddedVenue  # noqa: E402
from pm_data.venue.embedded.options import VenueOptions  # noqa: E402

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
DISK_BYTES = 256 * 1024 * 1024
RATE = 2000
END_SECONDS = 5.0
PROMISED_SECONDS = 1.0


class Disk:
    """An ext4 file system in a file, mounted while it is used."""

    def __init__(self, directory):
        self.path = directory / "mounted"
        self._image = directory / "image"
        self.path.mkdir()
        with self._image.open("wb") as file:
            file.truncate(DISK_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", self._image], check=True, capture_output=True)

    def mount(self):
        """Mount it; after a cut this replays the log."""
        done = subprocess.run(
            ["mount", "-o", "loop", self._image, self.path], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise OSError(done.stderr.strip())

    def cut(self):
        """Stop all writing at this moment, what is in memory included."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(fd)

    def unmount(self):
        """Unmount it."""
        subprocess.run(["umount", self.path], check=True)


def one_cut(disk, venue, rng, mode, run_id):
    """Cut the power under one capture; return frames lost and the age of the first of them in seconds."""
    since = venue.connections
    flags = ["--ws-shards=2", f"--fsync={mode}", "--capture-min-free-bytes=0"]
    with Capture(venue.urls, disk.path, *flags, run_id=run_id) as capture:
        capture.wait_for_frames(1)
        time.sleep(rng.uniform(0, 2.0))
        # Read just before the cut: every one of these promises was made.
        beats = heartbeats(capture.run_dir)
        sent = sum(len(venue.sent(number)) for number in range(since + 1, venue.connections + 1))
        cut_at = time.time()
        disk.cut()
        code, _line = capture.finish()
        ended = time.time() - cut_at
    assert code == 3, capture.stderr
    assert "fatal: " in capture.stderr
    assert ended < END_SECONDS, f"ended only after {ended:.1f} s"
    disk.unmount()
    disk.mount()
    assert read_manifest(RunDir(capture.run_dir)).status == "running"
    for summary in verify(capture.run_dir).summaries:
        assert set(summary.counts) <= TAILS | {DamageClass.IDX_MISMATCH}, summary
    frames = [record for record in read_records(capture.run_dir) if record.kind != Kind.CONTROL]
    found = Counter(record.shard for record in frames)
    for stated in beats[-1]["shards"]:
        assert found[stated["shard"]] >= stated["durable_frames"], (mode, stated, found)
    assert assert_prefix_of_sent(capture.run_dir, venue, since) == len(frames)
    newest = {record.shard: record.rx_wall_ns_utc for record in frames}
    age = cut_at - min(newest.values(), default=beats[0]["wall_ns_utc"]) / 1e9
    assert mode == "none" or age <= PROMISED_SECONDS, f"{age:.3f} s are gone with --fsync {mode}"
    shutil.rmtree(capture.run_dir)
    return max(0, sent - len(frames)), age


def soak(directory, cuts, seed):
    """Make the cuts and print what was lost."""
    disk = Disk(directory)
    try:
        disk.mount()
    except OSError as error:
        print(f"skipped: cannot mount a loop device: {error}")
        return
    rng = random.Random(seed)
    try:
        with EmbeddedVenue(VenueOptions(markets=20, rate=RATE, keep_sent=True)) as venue:
            for mode in ("interval", "every", "none"):
                lost = [one_cut(disk, venue, rng, mode, f"run-{mode}-{number}") for number in range(cuts)]
                frames, seconds = zip(*lost, strict=True)
                print(
                    f"--fsync {mode}: {cuts} cuts at {RATE} frames/s, 0 promises broken; "
                    f"lost {sum(frames)} frames, at most {max(frames)} in a cut; "
                    f"the first {max(seconds) * 1000:.0f} ms before the cut",
                    flush=True,
                )
    finally:
        disk.unmount()


def main():
    """Run the soak."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=20, help="cuts in each mode of --fsync (default 20)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    print(f"seed {args.seed}")
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        print("skipped: needs Linux, root and mkfs.ext4")
        return
    with tempfile.TemporaryDirectory() as directory:
        soak(Path(directory), args.cuts, args.seed)


if __name__ == "__main__":
    main()
