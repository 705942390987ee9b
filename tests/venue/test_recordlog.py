import random
import threading
import time

import pytest

from pm_data.frame import FLAG_MUST_UNDERSTAND, Control, Kind, Record, control_fields
from pm_data.venue.recordlog import Part, RecordLog


class Clock:
    def __init__(self) -> None:
        self.now = 1000

    def __call__(self) -> int:
        return self.now


def make_log(max_frames: int = 100, max_bytes: int = 10_000) -> tuple[RecordLog, Clock]:
    clock = Clock()
    return RecordLog(max_frames, max_bytes, mono=clock, wall=lambda: 77), clock


def put(log: RecordLog, mono_ns: int, payload: bytes = b"x", shard: int = 0, conn: int = 1) -> bool:
    return log.frame(shard, conn, payload, binary=False, mono_ns=mono_ns, wall_ns=5)


def test_frame_becomes_a_record_with_the_clocks_of_its_read() -> None:
    log, _ = make_log()
    assert log.frame(3, 7, b"\xff", binary=True, mono_ns=50, wall_ns=60)
    (record,) = log.take(0) or []
    assert record == (3, 0, Kind.BINARY, 0, 0, 7, 50, 60, b"\xff")


def test_stamps_strictly_increase_over_shards_when_the_clock_does_not() -> None:
    log, clock = make_log()
    clock.now = 10
    put(log, 20, shard=0)
    put(log, 20, shard=1)
    put(log, 19, shard=2)
    log.control(1, 0, Control.OPENED, {})
    put(log, 40, shard=0)
    assert [record.rx_mono_ns for record in log.take(0) or []] == [20, 21, 22, 23, 40]


def test_records_are_numbered_per_shard_without_gaps() -> None:
    log, _ = make_log(max_frames=2)
    for mono_ns in range(4):
        put(log, mono_ns, shard=mono_ns % 2)
    log.control(0, 0, Control.END, {"reason": "stop"})
    log.control(1, 0, Control.END, {"reason": "stop"})
    numbers: dict[int, list[int]] = {}
    for record in log.take(0) or []:
        numbers.setdefault(record.shard, []).append(record.seq)
    assert numbers == {0: [0, 1, 2], 1: [0, 1, 2]}


def test_control_records_say_whether_a_reader_must_understand_them() -> None:
    log, _ = make_log()
    log.control(0, 1, Control.OPENED, {"url": "ws://x", "attempt": 1})
    log.control(0, 1, Control.SUBSCRIBED, {"tokens": ["1"], "reason": "initial"})
    opened, subscribed = log.take(0) or []
    assert opened.flags == 0
    assert subscribed.flags == FLAG_MUST_UNDERSTAND
    assert control_fields(subscribed) == {"tokens": ["1"], "reason": "initial"}
    assert (opened.kind, opened.rx_mono_ns, opened.rx_wall_ns_utc) == (Kind.CONTROL, 1000, 77)


@pytest.mark.parametrize("limit", ["frames", "bytes"])
def test_run_of_drops_is_one_gap_before_the_next_record(limit: str) -> None:
    log, _ = make_log(max_frames=1) if limit == "frames" else make_log(max_bytes=1)
    log.set_tokens(0, ["11", "12"])
    assert put(log, 10)
    assert not put(log, 20, b"abc", conn=2)
    log.set_tokens(0, ["other"])
    assert not put(log, 30, b"de", conn=2)
    assert log.account(0).dropped_frames == 2
    log.take(0)
    assert put(log, 40)
    gap, frame = log.take(0) or []
    assert gap.control == Control.GAP
    assert gap.conn == 2
    assert control_fields(gap) == {
        "cause": "drop",
        "tokens": ["11", "12"],
        "frames": 2,
        "bytes": 5,
        "first_mono_ns": 20,
        "last_mono_ns": 30,
    }
    assert (gap.seq, frame.seq) == (1, 2)
    assert 30 < gap.rx_mono_ns < frame.rx_mono_ns


def test_drops_that_no_record_follows_are_said_at_close() -> None:
    log, _ = make_log(max_frames=0)
    put(log, 10, shard=4)
    log.close()
    (gap,) = log.take(0) or []
    assert (gap.shard, gap.control) == (4, Control.GAP)
    assert log.take(0) is None


def test_drops_on_one_shard_do_not_mark_another() -> None:
    log, _ = make_log(max_frames=0)
    put(log, 10, shard=0)
    log.control(1, 0, Control.END, {"reason": "stop"})
    assert [record.control for record in log.take(0) or []] == [Control.END]


def test_take_waits_for_a_record_and_not_longer() -> None:
    log, _ = make_log()
    assert log.take(0.01) == []
    taken: list[int] = []
    consumer = threading.Thread(target=lambda: taken.append(len(log.take(10) or [])))
    consumer.start()
    put(log, 1)
    consumer.join(5)
    assert taken == [1]


def test_close_wakes_a_waiting_consumer() -> None:
    log, _ = make_log()
    taken: list[object] = []
    consumer = threading.Thread(target=lambda: taken.append(log.take(10)))
    consumer.start()
    log.close()
    consumer.join(5)
    assert taken == [None]


def test_account_names_the_oldest_frame_that_waits() -> None:
    log, _ = make_log()
    assert log.account(0).queued_oldest_mono_ns is None
    put(log, 10)
    put(log, 20)
    assert log.account(0).queued_oldest_mono_ns == 10
    log.take(0)
    assert log.account(0).queued_oldest_mono_ns is None
    put(log, 30)
    assert log.account(0).queued_oldest_mono_ns == 30


def test_received_is_taken_plus_dropped_plus_queued_at_any_moment() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    log, _ = make_log(max_frames=50, max_bytes=2000)
    taken = {shard: [0, 0] for shard in range(3)}
    lock = threading.Lock()
    done = threading.Event()

    def consume() -> None:
        while True:
            with lock:  # the consumer's counts and the log's change as one
                batch = log.take(0)
                for record in batch or []:
                    if record.kind != Kind.CONTROL:
                        taken[record.shard][0] += 1
                        taken[record.shard][1] += len(record.payload)
            if batch is None:
                return
            done.wait(rng.random() * 0.0005)

    wrong = []

    def check() -> None:
        for shard in log.shards:
            with lock:
                account = log.account(shard)
                frames, size = taken[shard]
            if (account.received_frames, account.received_bytes) != (
                frames + account.dropped_frames + account.queued_frames,
                size + account.dropped_bytes + account.queued_bytes,
            ):
                wrong.append((shard, account, frames, size))

    def audit() -> None:
        while not done.is_set():
            check()

    threads = [threading.Thread(target=consume), threading.Thread(target=audit)]
    for thread in threads:
        thread.start()
    sent = [0, 0, 0]
    for number in range(20_000):
        shard = rng.randrange(3)
        put(log, number, bytes(rng.randrange(100)), shard)
        sent[shard] += 1
    log.close()
    done.set()
    for thread in threads:
        thread.join(10)
    check()
    assert not wrong
    assert [log.account(shard).received_frames for shard in range(3)] == sent
    assert all(log.account(shard).queued_frames == 0 for shard in range(3))
    assert sum(log.account(shard).dropped_frames for shard in range(3)) > 0


def test_a_tap_sees_what_is_taken_and_no_drop() -> None:
    seen: list[Record] = []
    log = RecordLog(1, 10_000, mono=Clock(), wall=lambda: 77, tap=seen.extend)
    put(log, 20)
    assert not put(log, 21)
    taken = log.take(0) or []
    log.close()
    taken += log.take(0) or []
    assert log.take(0) is None
    assert seen == taken
    assert [record.control for record in seen] == [0, Control.GAP]


@pytest.mark.parametrize("seed", range(20))
def test_frames_of_one_read_are_as_one_by_one(seed: int) -> None:
    rng = random.Random(seed)
    together, _ = make_log(max_frames=30, max_bytes=300)
    singly, _ = make_log(max_frames=30, max_bytes=300)
    for step in range(200):
        shard, mono_ns, binary = rng.randrange(3), rng.randrange(500), rng.random() < 0.2
        payloads = [bytes(rng.randrange(20)) for _ in range(rng.randrange(1, 6))]
        if not together.frames(shard, 1, payloads, binary=binary, mono_ns=mono_ns, wall_ns=step):
            for payload in payloads:
                together.frame(shard, 1, payload, binary=binary, mono_ns=mono_ns, wall_ns=step)
        for payload in payloads:
            singly.frame(shard, 1, payload, binary=binary, mono_ns=mono_ns, wall_ns=step)
        assert [together.account(at) for at in range(3)] == [singly.account(at) for at in range(3)]
        if rng.random() < 0.2:
            assert together.take(0) == singly.take(0)
    assert len(together.enqueue_delays_ns) == len(singly.enqueue_delays_ns)
    assert together.take(0) == singly.take(0)


def test_a_cut_ends_each_shard_and_begins_it_anew() -> None:
    log, _ = make_log()
    first, second = log.part, Part()
    put(log, 1000, b"aa", shard=0)
    put(log, 1001, b"bbb", shard=1)
    log.set_tokens(2, ["1"])  # a shard that has no record yet
    log.cut(second)
    put(log, 1001, b"c", shard=1)
    before, after = log.take(0, first) or [], log.take(0, second) or []
    assert [(record.shard, record.seq, record.kind) for record in before] == [
        *((0, 0, Kind.TEXT), (1, 0, Kind.TEXT), (0, 1, Kind.CONTROL), (1, 1, Kind.CONTROL))
    ]
    assert [control_fields(record) for record in before[2:]] == [{"reason": "rotation"}] * 2
    assert [(record.shard, record.seq, record.payload) for record in after] == [(1, 0, b"c")]
    stamps = [record.rx_mono_ns for record in before]
    assert [*stamps, second.begin_mono_ns, after[0].rx_mono_ns] == [1000, 1001, 1002, 1003, 1004, 1005]
    assert second.begin_wall_ns_utc == 77
    assert log.take(0, first) is None
    assert log.take(0, second) == []
    log.close()
    assert log.take(0, second) is None


def test_accounts_of_a_part_are_its_own() -> None:
    log, _ = make_log(max_frames=3)
    first, second = log.part, Part()
    for mono_ns in range(1000, 1004):
        put(log, mono_ns, b"xx")
    log.cut(second)
    assert not put(log, 2000, b"full")  # what waits before the cut counts for the bound after it too
    assert log.account(0, first)[:6] == (4, 8, 1, 2, 3, 6)
    assert log.account(0, second)[:6] == (1, 4, 1, 4, 0, 0)
    before = log.take(0, first) or []
    assert [control_fields(record) for record in before if record.control == Control.GAP] == [
        {"cause": "drop", "tokens": [], "frames": 1, "bytes": 2, "first_mono_ns": 1003, "last_mono_ns": 1003}
    ]
    assert before[-1].control == Control.END
    assert log.account(0, first)[:6] == (4, 8, 1, 2, 0, 0)
    assert put(log, 3000, b"y")
    after = log.take(0, second) or []
    assert [record.control for record in after] == [Control.GAP, 0]
    assert log.account(0)[:6] == log.account(0, second)[:6] == (2, 5, 1, 4, 0, 0)


def test_a_consumer_that_waits_hears_of_a_cut() -> None:
    log = RecordLog(100, 10_000)
    first = log.part
    found: list[list[Record] | None] = []
    consumer = threading.Thread(target=lambda: found.extend(log.take(10, first) for _ in range(2)))
    consumer.start()
    put(log, 1000)
    while not found:
        time.sleep(0.001)
    time.sleep(0.05)  # it waits again
    log.cut(Part())
    consumer.join(5)
    assert not consumer.is_alive()
    assert [record.control for record in found[1] or []] == [Control.END]
