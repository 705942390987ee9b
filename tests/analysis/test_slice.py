"""A slice is a bundle of its own that replays to its parent's events of the range."""

import gzip
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice

import pytest
from support.bundles import make_bundle, stamped
from support.commands import ROOT
from support.frames import A, B, book, change
from support.records import write_run
from support.scenario import Scenario, by_shard

from pm_data.analysis.slice import Span, make_slice
from pm_data.analysis.verify import verify_bundle
from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import Parent, SliceRange, Totals, read_manifest, write_manifest
from pm_data.bundle.opening import INTERRUPTED, open_bundle
from pm_data.errors import ConfigError, DamageError, UsageError
from pm_data.frame import FLAG_MARKED, Control, Kind, control_fields
from pm_data.runtime.eventstream import EventStream
from pm_data.venue.embedded.generate_bundle import write_bundle
from pm_data.venue.embedded.options import VenueOptions

SEED = 20261123
RECORDS = 400


def replayed(run, core=None, shards=None):
    """Return a run's records in replay order, each with its events, these without `seq`."""
    stream = EventStream(core)
    records = open_bundle(run.path).replay_records(lambda tail: None, shards=shards)
    return [
        (record, [(event.kind, *tuple(event)[:-1]) for event in stream.process(record)]) for record in records
    ]


def flat(found):
    return [event for _record, events in found for event in events]


def cut(run, run_id="slice", shards=None, **span):
    """Cut a slice beside its parent; it must be whole."""
    made = make_slice(open_bundle(run.path), Span(**span), shards, run.path.parent.parent, run_id)
    assert verify_bundle(open_bundle(made.run.path)).ok
    return made


def assert_slice_of(parent, made, core=None):
    """Hold a slice's events against the parent's of the range; return how many tops it opens with."""
    wanted = made.manifest.parent.range
    inside = [
        (number, record, events)
        for number, (record, events) in enumerate(replayed(parent, core, wanted.shards))
        if (wanted.first is None or number >= wanted.first)
        and (wanted.last is None or number <= wanted.last)
        and (wanted.from_ns is None or record.rx_mono_ns >= wanted.from_ns)
        and (wanted.to_ns is None or record.rx_mono_ns < wanted.to_ns)
    ]
    expected = [event for _number, _record, events in inside for event in events]
    events = flat(replayed(made.run, core))
    count = len(events) - len(expected)
    assert events[count:] == expected
    assert {event[0] for event in events[:count]} <= {"top_of_book"}
    assert len({event[1] for event in events[:count]}) == count
    frames = [record for _number, record, _events in inside if record.kind != Kind.CONTROL]
    assert made.manifest.totals.written == sum(not record.flags & FLAG_MARKED for record in frames)
    return count


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    records = by_shard(Scenario(SEED).make(RECORDS))
    return write_run(tmp_path_factory.mktemp("parent"), records)


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """A bundle of the embedded venue, in which markets resolve and ticks change."""
    path = tmp_path_factory.mktemp("generated") / "runs" / "made"
    write_bundle(VenueOptions(seed=4, markets=12), 2_500, path, 3, 250)
    return RunDir(path)


def test_events_at_random_cuts(parent, core):
    numbers = random.Random(SEED)
    opened = 0
    for place in range(12):
        first = numbers.randrange(RECORDS)
        last = numbers.randrange(first, RECORDS)
        made = cut(parent, f"random-{core.name}-{place}", first=first, last=last)
        opened += assert_slice_of(parent, made, core)
    assert opened > 12


def test_events_of_a_generated_bundle(generated, core):
    numbers = random.Random(SEED)
    stamps = [record.rx_mono_ns for record, _events in replayed(generated)]
    kinds = set()
    for place in range(6):
        from_ns, to_ns = sorted(numbers.sample(stamps, 2))
        made = cut(generated, f"random-{core.name}-{place}", from_ns=from_ns, to_ns=to_ns)
        assert_slice_of(generated, made, core)
        controls = [record for record, _events in replayed(made.run) if record.control == Control.CARRIED]
        kinds |= {control_fields(record)["status"] for record in controls}
    assert "resolved" in kinds


def test_events_of_recorded_frames(tmp_path, shared_data, core):
    """Real frames, of two days in two shards and without subscriptions, cut at every tenth record."""
    files = {"market.ndjson": (shared_data / "ws_market_20260927.ndjson").read_text()}
    with gzip.open(shared_data / "derived_btc15m_20260928.ndjson.gz", "rt") as lines:
        files["later.ndjson"] = "".join(islice(lines, 150))
    run = RunDir(make_bundle(tmp_path, files))
    count = len(replayed(run))
    for first in range(1, count, 10):
        made = cut(run, f"from-{first}", first=first, last=first + 100)
        assert_slice_of(run, made, core)


def test_by_seconds_after_the_first_record(generated):
    first_ns = replayed(generated)[0][0].rx_mono_ns
    made = cut(generated, from_seconds=2.5, to_seconds=4.0)
    wanted = made.manifest.parent.range
    assert (wanted.from_ns, wanted.to_ns) == (first_ns + 2_500_000_000, first_ns + 4_000_000_000)
    assert assert_slice_of(generated, made) > 0


def test_shards_are_cut_as_if_there_were_no_others(parent):
    made = cut(parent, "two-shards", shards=[2, 0, 2], first=150)
    assert made.manifest.parent.range.shards == [0, 2]
    assert [seal.shard for seal in made.manifest.shards] == [0, 2]
    assert_slice_of(parent, made)


def test_the_manifest_names_the_parent(parent):
    made = cut(parent, "named", from_ns=1_050_000, last=300)
    whole = read_manifest(parent)
    assert made.manifest.parent == Parent(
        "run", whole.digest, SliceRange([0, 1, 2], first=None, last=300, from_ns=1_050_000, to_ns=None)
    )
    assert made.manifest.config == whole.config
    assert open_bundle(made.run.path).status == "closed"


def test_the_same_range_gives_the_same_bytes(parent):
    made = [cut(parent, run_id, first=100, last=350).run for run_id in ("one", "other")]
    for shard in range(3):
        first, second = (run.frames(shard).read_bytes() for run in made)
        assert first == second


def test_the_whole_range_gives_the_parents_bytes(parent):
    made = cut(parent, "whole")
    for shard in range(3):
        assert made.run.frames(shard).read_bytes() == parent.frames(shard).read_bytes()
        assert made.run.idx(shard).read_bytes() == parent.idx(shard).read_bytes()


@pytest.mark.parametrize(("first", "last"), [(0, 100), (60, 100), (130, 200)])
def test_a_slice_of_a_slice(parent, first, last):
    """Its opening records may lie before the second cut, around it, or within the range."""
    made = cut(parent, f"outer-{first}", first=200, last=380)
    inner = cut(made.run, f"inner-{first}", first=first, last=last)
    assert_slice_of(made.run, inner)
    assert inner.manifest.parent.digest == made.manifest.digest


def test_a_slice_of_a_slice_at_the_same_cut_has_the_same_events(parent):
    made = cut(parent, "same-outer", from_ns=1_100_000)
    inner = cut(made.run, "same-inner", from_ns=1_100_000)
    assert flat(replayed(inner.run)) == flat(replayed(made.run))


def test_every_shard_is_whole_even_where_the_range_has_none_of_its_records(parent):
    made = cut(parent, "short", first=1, last=1)
    for shard in range(3):
        controls = [record.control for record, _events in replayed(made.run) if record.shard == shard]
        assert (controls[0], controls[-1]) == (Control.UNIVERSE, Control.END)
    stamps = [record.rx_mono_ns for record, _events in replayed(made.run)]
    assert stamps == sorted(set(stamps))


def test_drops_of_the_range_are_in_the_totals(parent):
    dropped = sum(
        control_fields(record)["frames"]
        for number, (record, _events) in enumerate(replayed(parent))
        if record.control == Control.GAP and number >= 50
    )
    totals = cut(parent, "drops", first=50).manifest.totals
    assert dropped > 0
    assert totals == Totals(totals.written + dropped, totals.written, dropped)


@pytest.mark.parametrize("status", ["running", "fatal"])
def test_a_torn_parent_is_cut_and_its_tokens_are_suspect(tmp_path, status):
    run = write_run(tmp_path, by_shard(Scenario(SEED).make(RECORDS)), status)
    for shard in range(3):
        os.truncate(run.frames(shard), run.frames(shard).stat().st_size * (7 + shard) // 10)
    made = cut(run, first=100)
    assert [tail.shard for tail in made.tails] == [0, 1, 2]
    assert_slice_of(run, made)
    gaps = [record for record, _events in replayed(made.run) if record.control == Control.GAP]
    assert "interrupted" in [control_fields(record)["cause"] for record in gaps]


def test_the_gap_after_the_torn_tail_of_recorded_frames_names_its_tokens(tmp_path):
    """They come without subscriptions: only the whole parent tells which tokens there are."""
    frames = [change((B, "BUY", "0.2", "1")), book(A), book(B), change((A, "BUY", "0.41", "1"))]
    text = "".join(stamped(100 + number, frame) for number, frame in enumerate(frames))
    run = RunDir(make_bundle(tmp_path, {"a.ndjson": text}))
    manifest = run.manifest.read_bytes()
    closed = cut(run, "closed", first=2)
    assert_slice_of(run, closed)
    run.manifest.write_bytes(manifest)
    interrupt(run)
    os.truncate(run.frames(0), run.frames(0).stat().st_size - 5)
    made = cut(run, "torn", first=4)
    assert_slice_of(run, made)
    assert [event[:4] for event in flat(replayed(made.run))[-2:]] == [
        ("status", B, "suspect", "gap"),
        ("status", A, "suspect", "gap"),
    ]


def interrupt(run):
    """Make a closed run look as if its writer had died."""
    write_manifest(run, replace(read_manifest(run), status="running", shards=None, totals=None))


@pytest.mark.parametrize(
    ("run_id", "shards", "span", "message"),
    [
        ("run", None, {}, "run id 'run' is used already"),
        ("no/id", None, {}, "run id 'no/id' does not match"),
        ("nul", None, {}, "name of a device"),
        ("new", [3], {}, "has no shard 3"),
        ("new", None, {"first": 10**6}, "has no record in that range"),
        ("new", None, {"first": 20, "last": 19}, "has no record in that range"),
        ("new", None, {"from_ns": 2**63, "to_ns": 2**64}, "has no record in that range"),
        ("new", None, {"to_ns": 1}, "has no record in that range"),
    ],
)
def test_what_cannot_be_cut_leaves_nothing_behind(parent, run_id, shards, span, message):
    before = sorted(path.name for path in parent.path.parent.iterdir())
    with pytest.raises((UsageError, ConfigError), match=message):
        cut(parent, run_id, shards, **span)
    assert sorted(path.name for path in parent.path.parent.iterdir()) == before


def test_an_end_beyond_all_stamps_bounds_nothing(parent):
    assert cut(parent, "endless", to_ns=10**19).manifest.parent.range.to_ns is None


def test_damage_up_to_the_end_of_the_range_is_refused(generated, tmp_path):
    """A reader reads ahead by a buffer, so that damage shortly after the range is met too."""
    run = RunDir(tmp_path / "runs" / "damaged")
    shutil.copytree(generated.path, run.path)
    data = bytearray(run.frames(1).read_bytes())
    data[-1000] ^= 1
    run.frames(1).write_bytes(data)
    with pytest.raises(DamageError, match="shard 1: crc_mismatch"):
        cut(run, "refused", first=500)
    assert [path.name for path in run.path.parent.iterdir()] == ["damaged"]
    assert cut(run, "early", last=500).manifest.status == "closed"


def test_text_that_is_no_unicode_is_refused(tmp_path):
    scenario = Scenario(SEED)
    records = scenario.make(40)
    place = next(place for place, record in enumerate(records) if record.control == Control.SUBSCRIBED)
    records[place] = records[place]._replace(payload=b'{"tokens":["\\ud800"],"reason":""}')
    run = write_run(tmp_path, by_shard(records))
    with pytest.raises(DamageError, match="no Unicode"):
        cut(run, first=20)
    assert [path.name for path in run.path.parent.iterdir()] == ["run"]


def test_stamps_at_the_edge_of_64_bits_are_refused(tmp_path):
    """A stranger's bundle may hold any stamp; there is no room for records before the least one."""
    shards = by_shard(Scenario(SEED).make(40))
    lowest = [[record._replace(rx_mono_ns=-(2**63)) for record in records] for records in shards]
    highest = [[record._replace(rx_mono_ns=2**63 - 1) for record in records] for records in shards]
    for name, records in (("low", lowest), ("high", highest)):
        run = write_run(tmp_path / name, records)
        with pytest.raises(DamageError, match="does not fit"):
            cut(run, first=20, last=30)


def test_a_kill_leaves_an_interrupted_run_or_a_closed_one(tmp_path):
    parent = RunDir(tmp_path / "runs" / "made")
    write_bundle(VenueOptions(seed=7, markets=12), 30_000, parent.path, 3, 250)
    command = [sys.executable, "-m", "pm_data", "capture-slice", "--run-dir", str(parent.path)]
    command += ["--data-dir", str(tmp_path), "--first", "2000", "--run-id"]
    statuses = set()
    for place in range(6):
        run = RunDir(tmp_path / "runs" / f"killed-{place}")
        with subprocess.Popen([*command, run.path.name], cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 30
            while not run.frames(0).exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(0.05 * place)
            process.send_signal(signal.SIGKILL)
        if not run.manifest.exists():
            continue
        bundle = open_bundle(run.path)
        statuses.add(bundle.status)
        if bundle.status == "closed":
            assert verify_bundle(bundle).ok
        else:
            assert bundle.damage == []
            list(bundle.replay_records(lambda tail: None))
    assert INTERRUPTED in statuses
    assert statuses <= {INTERRUPTED, "closed"}
