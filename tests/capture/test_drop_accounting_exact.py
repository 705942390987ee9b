"""drop_accounting_exact: a slow disk, a small queue, a bad line; every frame sent is accounted for."""

import random
import time

import pytest
from support.captures import Capture, heartbeats, read_records, verify

from pm_data.bundle.writer import ShardWriter
from pm_data.capture.online import capture_online
from pm_data.config import resolve
from pm_data.frame import Control, Kind, control_fields
from pm_data.venue.embedded.faults import parse_fault
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions

FAULTS = (
    *(f"close:code={code},after={{after}},conns={{conns}}" for code in (1000, 1006, 1011, 1013)),
    *("torn:after={after},conns={conns}", "violation:kind=rsv,after={after},conns={conns}"),
    *("duplicate:every=20", "lost:every=20", "reorder:every=20", "burst:seconds=0.1"),
    *("malformed:kind=utf8,every=20", "malformed:kind=empty,every=20", "malformed:kind=fragments,every=20"),
    "no_first_book:token=1,cure=connection",
)


def venue_of(rng):
    faults = [
        parse_fault(text.format(after=round(rng.uniform(0.1, 0.6), 2), conns=rng.randrange(1, 4)))
        for text in rng.sample(FAULTS, 3)
    ]
    print("faults", [f"{fault.name}:{fault.values}" for fault in faults])
    return EmbeddedVenue(
        VenueOptions(seed=rng.randrange(2**32), markets=12, rate=2000, keep_sent=True, faults=tuple(faults))
    )


def account_for(run_dir, venue):
    """Hold the bundle against what the venue sent, frame by frame, drops where their records stand.

    Returns received and dropped frames.
    """
    sent = {number: venue.sent(number) for number in range(1, venue.connections + 1)}
    streams = {}
    for record in read_records(run_dir):
        if record.kind != Kind.CONTROL:
            streams.setdefault(record.conn, []).append(record.payload)
        elif record.control == Control.GAP and control_fields(record)["cause"] == "drop":
            streams.setdefault(record.conn, []).append(control_fields(record)["frames"])
    received = dropped = 0
    for stream in streams.values():
        candidates = [payloads for payloads in sent.values() if agrees(stream, payloads)]
        assert len(candidates) == 1
        received += sum(entry if isinstance(entry, int) else 1 for entry in stream)
        dropped += sum(entry for entry in stream if isinstance(entry, int))
    return received, dropped


def agrees(stream, payloads):
    at = 0
    for entry in stream:
        if isinstance(entry, int):
            at += entry
        elif at < len(payloads) and payloads[at] == entry:
            at += 1
        else:
            return False
    return at <= len(payloads)


def run_once(seed, tmp_path, monkeypatch):
    rng = random.Random(seed)
    append = ShardWriter.append
    pace = random.Random(seed)

    def slow_append(self, records):
        time.sleep(pace.choice((0, 0, 0, 0.02, 0.05)))
        return append(self, records)

    monkeypatch.setattr(ShardWriter, "append", slow_append)
    monkeypatch.setattr("pm_data.capture.plant._HEARTBEAT_SECONDS", 0.05)
    with venue_of(rng) as venue:
        flags = {
            "data_dir": str(tmp_path),
            "gamma_base_url": venue.urls.gamma_base_url,
            "clob_base_url": venue.urls.clob_base_url,
            "clob_ws_url": venue.urls.clob_ws_url,
            "ws_shards": str(rng.randrange(1, 4)),
            "capture_first_book_seconds": "0.3",
            "capture_queue_max_bytes": rng.choice(("20000", "200000", "1000000000")),
            "capture_drop_fatal": False,
        }
        line = capture_online(resolve(flags, {}), "run", 1.2, lambda text: None)
        received, dropped = account_for(tmp_path / "runs" / "run", venue)
    assert line["ok"] is True
    assert (line["received"], line["dropped"]) == (received, dropped)
    assert line["written"] == received - dropped
    beats = heartbeats(tmp_path / "runs" / "run")
    assert len(beats) > 10
    assert beats[-1]["queued"] == 0
    assert verify(tmp_path / "runs" / "run").ok
    return dropped


def test_drop_accounting_exact(tmp_path, monkeypatch):
    dropped = 0
    for number in range(4):
        seed = random.randrange(2**32)
        print("seed", seed)
        with monkeypatch.context() as patches:
            dropped += run_once(seed, tmp_path / str(number), patches)
    print("dropped", dropped)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_drop_accounting_exact_in_fifty_runs(tmp_path, monkeypatch):
    total = 0
    for number in range(50):
        seed = random.randrange(2**32)
        print("seed", seed)
        with monkeypatch.context() as patches:
            total += run_once(seed, tmp_path / str(number), patches)
    assert total > 0


def test_accounts_hold_up_to_a_kill(tmp_path):
    rng = random.Random(random.randrange(2**32))
    with venue_of(rng) as venue:
        with Capture(venue.urls, tmp_path, "--ws-shards=2", "--capture-first-book-seconds=1") as capture:
            lines = capture.wait_for_frames(1500)
            capture.process.kill()
            capture.process.wait()
        recovered, dropped = account_for(capture.run_dir, venue)
    assert heartbeats(capture.run_dir)
    stated = [line for line in lines if line["record_type"] == "heartbeat"][-1]
    assert dropped == 0
    assert recovered >= stated["written"]
