"""The writer and sync threads on real files: exact accounts at every moment, and refusals of the disk."""

import errno
import os
import random
import sys
import threading
import time

import pytest
from support.captures import assert_balanced
from support.frames import A, B, book

from pm_data.bundle.layout import create_run_dir
from pm_data.bundle.reader import ShardReader
from pm_data.bundle.writer import ShardWriter
from pm_data.capture.accounts import Count
from pm_data.capture.carry import Carry
from pm_data.capture.fatal import Cause, FatalLatch
from pm_data.capture.metrics import Samples
from pm_data.capture.sync_thread import SyncThread
from pm_data.capture.writer_thread import SYNC_BYTES, WriterThread
from pm_data.frame import FLAG_MARKED, Control
from pm_data.venue.recordlog import Part, RecordLog

SEED = 20261123


class Bench:
    """A log, a writer thread and a run directory to play with."""

    def __init__(self, tmp_path, open_shard=None, sync_each_batch=False, max_bytes=2**30, carry=None):
        self.run = create_run_dir(tmp_path, "run")
        self.latch = FatalLatch()
        self.log = RecordLog(1_000_000, max_bytes)
        self.latency = Samples(1024)
        self.writer = WriterThread(
            self.log,
            open_shard or (lambda shard: ShardWriter(self.run, shard)),
            self.latch,
            self.latency,
            sync_each_batch=sync_each_batch,
            carry=carry,
        )

    def frame(self, shard, payload):
        now = time.monotonic_ns()
        return self.log.frame(shard, 1, payload, binary=False, mono_ns=now, wall_ns=now)

    def wait_until(self, condition):
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def finish(self):
        self.log.close()
        assert self.writer.join(10)
        return self.writer.close_shards()


@pytest.fixture
def bench(tmp_path):
    made = []

    def make(*arguments, **options):
        made.append(Bench(tmp_path, *arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.log.close()
        each.writer.halt()
        each.run.release()


def test_accounts_balance_at_every_moment(bench):
    it = bench()
    done = threading.Event()

    def produce():
        rng = random.Random(SEED)
        for number in range(30_000):
            it.frame(rng.randrange(3), bytes(rng.randrange(200)))
            if number % 1000 == 0:
                it.log.control(rng.randrange(3), 1, Control.OPENED, {"number": number})
                time.sleep(0.001)
        done.set()

    producer = threading.Thread(target=produce)
    producer.start()
    moments = 0
    queued = 0
    while not done.is_set():
        for balance in it.writer.balances().values():
            assert_balanced(balance.fields(time.monotonic_ns()))
            queued += balance.queued.frames > 0
        moments += 1
    producer.join()
    assert moments > 20
    assert queued > 0, "no moment with a frame in hand was seen"
    seals = it.finish()
    balances = it.writer.balances()
    assert sum(balance.written.frames for balance in balances.values()) == 30_000
    for balance in balances.values():
        assert balance.received == balance.written == balance.durable
        assert balance.queued == Count(0, 0)
        assert balance.queued_oldest_mono_ns is None
    assert sum(seal.records for seal in seals) == 30_030
    assert it.latch.fatal is None


def test_accounts_do_not_wait_for_the_disk(bench):
    disk_free = threading.Event()

    class Stalled(ShardWriter):
        def append(self, records):
            disk_free.wait(10)
            super().append(records)

    it = bench(lambda shard: Stalled(it.run, shard), max_bytes=1000)
    it.frame(0, bytes(100))
    it.wait_until(lambda: it.log.account(0).queued_frames == 0)  # it is in the writer's hand
    it.frame(0, bytes(900))
    assert not it.frame(0, bytes(200))
    began = time.monotonic()
    balance = it.writer.balances()[0]
    fields = balance.fields(time.monotonic_ns() + 5_000_000_000)
    assert time.monotonic() - began < 1.0
    assert balance.queued == Count(2, 1000)
    assert balance.dropped == Count(1, 200)
    assert 5000 <= fields["queued_oldest_ms"] < 15_000
    it.log.close()
    assert not it.writer.join(0.05)
    disk_free.set()
    it.finish()
    assert it.writer.balances()[0].written == Count(2, 1000)


def test_a_long_queue_is_written_in_parts(bench):
    disk_free = threading.Event()
    sizes = []

    class Stalled(ShardWriter):
        def append(self, records):
            disk_free.wait(10)
            super().append(records)
            sizes.append((len(records), sum(len(record.payload) for record in records)))

    it = bench(lambda shard: Stalled(it.run, shard))
    it.frame(0, b"")
    it.wait_until(lambda: it.log.account(0).queued_frames == 0)
    for number in range(10_000):
        it.frame(0, bytes(3_000_000) if number % 2500 == 0 else b"x")
    disk_free.set()
    (seal,) = it.finish()
    assert seal.records == 10_001
    assert sum(count for count, _ in sizes) == 10_001
    assert max(count for count, _ in sizes) == 512
    assert max(size for _, size in sizes) < 3_600_000


def test_refused_file_stops_every_shard(bench):
    it = bench()
    it.frame(0, b"before")
    it.wait_until(lambda: it.writer.balances()[0].written.frames == 1)
    it.run.frames(1).touch()  # whoever put it there: it is not ours to write into
    it.frame(1, b"refused")
    it.wait_until(lambda: it.latch.fatal is not None)
    it.frame(0, b"after")
    seals = it.finish()
    assert it.latch.fatal.cause is Cause.WRITE_ERROR
    assert it.latch.fatal.shard == 1
    assert [(seal.shard, seal.records) for seal in seals] == [(0, 1)]
    balances = it.writer.balances()
    assert balances[0].queued == Count(1, len(b"after"))
    assert balances[1].queued == Count(1, len(b"refused"))
    for balance in balances.values():
        assert_balanced(balance.fields(0))
    assert [record.payload for record in it.writer.last_records()[1]] == [b"refused"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_torn_write_counts_whole_records_only(bench):
    import resource

    it = bench()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        for _ in range(100):
            it.frame(0, bytes(150))
        it.wait_until(lambda: it.latch.fatal is not None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (seal,) = it.finish()
    balance = it.writer.balances()[0]
    assert it.latch.fatal.cause is Cause.WRITE_ERROR
    assert 0 < balance.written.frames == seal.records < 100
    assert it.run.frames(0).stat().st_size == seal.bytes <= 10_000
    assert_balanced(balance.fields(0))


def test_durable_is_what_was_written_before_the_sync_began(bench):
    began, proceed = threading.Event(), threading.Event()

    class Slow(ShardWriter):
        def sync(self):
            began.set()
            proceed.wait(10)
            return super().sync()

    it = bench(lambda shard: Slow(it.run, shard))
    sync = SyncThread(it.writer, 0.02, it.latch)
    it.frame(0, b"one")
    assert began.wait(10)
    written = it.writer.balances()[0].written
    it.frame(0, b"during")
    it.wait_until(lambda: it.writer.balances()[0].written.frames == 2)
    assert it.writer.balances()[0].durable == Count(0, 0)
    began.clear()
    proceed.set()
    it.wait_until(lambda: it.writer.balances()[0].durable >= written)
    it.wait_until(lambda: it.writer.balances()[0].durable == Count(2, 9))
    assert sync.stop(10)
    it.finish()


def test_refused_sync_is_fatal_and_not_tried_again(bench):
    calls = []

    class Refusing(ShardWriter):
        def sync(self):
            calls.append(self.shard)
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    it = bench(lambda shard: Refusing(it.run, shard))
    sync = SyncThread(it.writer, 0.02, it.latch)
    it.frame(0, b"lost, perhaps")
    it.wait_until(lambda: it.latch.fatal is not None)
    assert it.latch.fatal.cause is Cause.SYNC_ERROR
    it.frame(0, b"not written")
    time.sleep(0.1)
    assert sync.stop(10)
    it.finish()
    assert calls == [0]
    balance = it.writer.balances()[0]
    assert balance.written.frames == 1
    assert balance.durable == Count(0, 0)
    assert_balanced(balance.fields(0))


def test_much_data_is_synced_before_its_time(bench):
    it = bench()
    sync = SyncThread(it.writer, 3600.0, it.latch)
    payload = bytes(1_000_000)
    for _ in range(SYNC_BYTES // len(payload) + 2):
        it.frame(0, payload)
    it.wait_until(lambda: it.writer.balances()[0].durable.bytes > SYNC_BYTES // 2)
    assert sync.stop(10)
    it.finish()


def test_sync_with_each_batch(bench):
    it = bench(sync_each_batch=True)
    for number in range(20):
        it.frame(number % 2, b"x")
        time.sleep(0.002)
        for balance in it.writer.balances().values():
            assert balance.durable == balance.written
    it.finish()
    assert len(it.latency.take()) > 0


def test_a_bundle_after_a_cut_begins_with_an_opening_and_is_numbered_on(bench, tmp_path):
    """The next part's writer waits for the last write of the one before, whatever the disk does."""
    disk_free = threading.Event()

    class Stalled(ShardWriter):
        def append(self, records):
            disk_free.wait(10)
            super().append(records)

    carry, second = Carry(), Part()
    it = bench(lambda shard: Stalled(it.run, shard), carry=carry)
    with create_run_dir(tmp_path, "next") as run:
        latch, latency = FatalLatch(), Samples(16)
        writer = WriterThread(
            it.log,
            lambda shard: ShardWriter(run, shard),
            latch,
            latency,
            sync_each_batch=True,
            part=second,
            carry=carry,
            after=it.writer,
            open_first=[0],
        )
        it.log.control(0, 0, Control.UNIVERSE, {"markets": [], "removed": []})
        it.log.control(0, 1, Control.SUBSCRIBED, {"tokens": [A, B], "reason": "initial"})
        it.frame(0, book(A))
        it.log.cut(second)
        it.frame(0, book(B))
        time.sleep(0.05)
        assert writer.balances()[0].queued.frames == it.writer.balances()[0].queued.frames == 1
        assert run.frames(0).stat().st_size == 0
        disk_free.set()
        it.finish()
        assert writer.join(10)
        (balance,) = writer.balances().values()
        writer.close_shards()
    assert balance.received == balance.written == balance.durable == Count(1, len(book(B)))
    records = [record for batch in ShardReader(run.frames(0), 0, pytest.fail).batches() for record in batch]
    assert [record.seq for record in records] == [0, 1, 2, 3]
    assert [bool(record.flags & FLAG_MARKED) for record in records] == [True, True, True, False]
    assert records[-1].payload == book(B)
    assert records[-2].rx_mono_ns == second.begin_mono_ns - 1
    assert latch.fatal is None
    assert latency.take()  # of what was received, and of that alone


def test_nothing_follows_a_part_that_the_disk_refused(bench, tmp_path):
    class Full(ShardWriter):
        def append(self, records):
            raise OSError(errno.ENOSPC, "full")

    carry, second = Carry(), Part()
    it = bench(lambda shard: Full(it.run, shard), carry=carry)
    with create_run_dir(tmp_path, "next") as run:
        writer = WriterThread(
            it.log,
            lambda shard: ShardWriter(run, shard),
            FatalLatch(),
            Samples(16),
            sync_each_batch=False,
            part=second,
            carry=carry,
            after=it.writer,
        )
        it.frame(0, b"{}")
        it.log.cut(second)
        it.frame(0, b"{}")
        assert writer.join(10)
        assert writer.balances()[0].queued == Count(1, 2)
        assert not run.frames(0).exists()
    assert it.latch.fatal.cause is Cause.WRITE_ERROR
