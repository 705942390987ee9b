import errno
import hashlib
import json
import os
import subprocess
import sys

import pytest
from support.records import shard_records, text

from pm_data.bundle.format import encode_record
from pm_data.bundle.layout import create_run_dir
from pm_data.bundle.writer import Extent, ShardWriter


def test_batches_are_appended_whole(tmp_path):
    records = shard_records(0, 9)
    with create_run_dir(tmp_path, "run") as run:
        writer = ShardWriter(run, 0)
        writer.append(records[:4])
        assert writer.sync() == writer.extent == Extent(4, run.frames(0).stat().st_size)
        writer.append([])
        writer.append(records[4:])
        writer.close()
    data = run.frames(0).read_bytes()
    assert data == b"".join(encode_record(record) for record in records)
    assert writer.seal() == (0, len(records), len(data), hashlib.sha256(data).hexdigest())
    assert run.idx(0).stat().st_size == 32 * len(records)


def test_an_existing_file_is_never_opened(tmp_path):
    with create_run_dir(tmp_path, "run") as run:
        run.idx(0).touch()
        with pytest.raises(FileExistsError):
            ShardWriter(run, 0)


@pytest.mark.parametrize("wrong", [text(0, 1, 5), text(1, 0, 5)])
def test_a_record_that_is_not_next_is_refused(tmp_path, wrong):
    with create_run_dir(tmp_path, "run") as run:
        writer = ShardWriter(run, 0)
        with pytest.raises(ValueError, match="is not 0"):
            writer.append([wrong])
        assert writer.extent == Extent(0, 0)
        writer.close()


# A process of its own, because the limit on file sizes is the process's: the kernel then gives a
# short write up to the very byte, and EFBIG for the rest, as a full disk gives ENOSPC.
LIMITED = """
import json, resource, signal, sys
from pathlib import Path
from support.records import shard_records
from pm_data.bundle.layout import create_run_dir
from pm_data.bundle.writer import ShardWriter

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
data_dir, limit = Path(sys.argv[1]), int(sys.argv[2])
records = shard_records(0, 6)
with create_run_dir(data_dir, "run") as run:
    writer = ShardWriter(run, 0)
    writer.append(records[:2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    failures = []
    for batch in (records[2:], records[2:]):
        try:
            writer.append(batch)
        except OSError as error:
            failures.append(error.errno)
    writer.close()
print(json.dumps([failures, *writer.extent, writer.seal().sha256]))
"""


@pytest.mark.parametrize("short_by", [1, 30, 90, 200, 10**6])
def test_a_short_write_leaves_whole_records(tmp_path, short_by):
    records = shard_records(0, 6)
    encoded = [encode_record(record) for record in records]
    kept = len(b"".join(encoded[:2]))
    limit = max(len(b"".join(encoded)) - short_by, kept)
    output = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), str(limit)],
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ).stdout
    failures, count, size, digest = json.loads(output)
    whole = max(n for n in range(len(encoded) + 1) if len(b"".join(encoded[:n])) <= limit)
    assert failures == [errno.EFBIG, errno.EIO]
    assert (count, size) == (whole, len(b"".join(encoded[:whole])))
    data = (tmp_path / "runs/run/capture/shard_00.frames").read_bytes()
    assert data == b"".join(encoded[:whole])
    assert digest == hashlib.sha256(data).hexdigest()
    assert (tmp_path / "runs/run/capture/shard_00.idx").stat().st_size == 32 * whole


def test_after_a_failed_sync_nothing_is_written_and_nothing_synced_again(tmp_path):
    with create_run_dir(tmp_path, "run") as run:
        writer = ShardWriter(run, 0)
        writer.append([text(0, 0, 5)])
        # A pipe cannot be synced: the kernel refuses, as a failing disk does.
        for end in os.pipe():
            os.dup2(end, writer._frames_fd)
            os.close(end)
        with pytest.raises(OSError, match="Invalid argument"):
            writer.sync()
        with pytest.raises(OSError, match="an earlier write or sync failed"):
            writer.append([text(0, 1, 6)])
        writer.close()
    assert run.frames(0).stat().st_size == writer.extent.bytes
