"""Hold the bundles of a capture that rotated against each other, against the venue, and against rule A1."""

import json
from collections import defaultdict

from support.captures import controls, heartbeats, read_records, runlog, verify

from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import read_manifest
from pm_data.bundle.opening import open_bundle
from pm_data.frame import FLAG_MARKED, Control, Kind, control_fields
from pm_data.runtime.eventstream import EventStream


def bundles_of(data_dir):
    """Return the run directories that have a manifest, in order."""
    return sorted(path for path in (data_dir / "runs").iterdir() if (path / "manifest.json").exists())


def received_frames(run_dirs):
    """Return connection number to the payloads that came on it, over all bundles."""
    received = defaultdict(list)
    for run_dir in run_dirs:
        for record in read_records(run_dir):
            if record.kind != Kind.CONTROL and not record.flags & FLAG_MARKED:
                received[record.conn].append(record.payload)
    return received


def assert_as_sent(run_dirs, venue, *, whole=True):
    """Hold each connection's frames, over all bundles, against what the venue sent, byte for byte.

    Args:
        whole: everything that was sent must be there; else what is there must be a prefix.
    """
    sent = [venue.sent(number) for number in range(1, venue.connections + 1)]
    received = received_frames(run_dirs)
    for payloads in received.values():
        (candidate,) = [each for each in sent if each[: len(payloads)] == payloads]
        assert not whole or len(candidate) == len(payloads)
    assert len(received) <= len(sent)
    return sum(map(len, received.values()))


def assert_stamps_rise(run_dirs):
    """Hold the stamps of what was received against those of one run: strictly rising, over bundles too."""
    stamps = [
        record.rx_mono_ns
        for run_dir in run_dirs
        for record in read_records(run_dir)
        if not record.flags & FLAG_MARKED
    ]
    assert stamps == sorted(set(stamps))


def unnumbered(events):
    return [(event.kind, *tuple(event)[:-1]) for event in events]


def live_tops(store):
    """Return the top of book of each token that is live and has one, as an event's first fields."""
    markets = [store.market(asset_id) for asset_id in store.asset_ids()]
    tops = [
        (
            "top_of_book",
            market.market_id,
            market.bid_px_e6,
            market.bid_sz_e6,
            market.ask_px_e6,
            market.ask_sz_e6,
        )
        for market in markets
        if market.status == "live"
    ]
    return sorted(top for top in tops if top[2:] != (None,) * 4)


def assert_replays_as_one(run_dirs, core=None):
    """Replay each bundle alone: after its opening it must give the events that the whole stream has there.

    Returns:
        How many events the whole stream has.
    """
    whole = EventStream(core)
    gone = [set()]
    for number, run_dir in enumerate(run_dirs):
        alone = EventStream(core)
        tops, expected_tops = [], live_tops(whole.store)
        for record in open_bundle(run_dir).replay_records(lambda tail: None):
            if record.flags & FLAG_MARKED:
                assert number > 0
                tops += unnumbered(alone.process(record))
            else:
                expected = unnumbered(whole.process(record))
                assert unnumbered(alone.process(record)) == expected, (run_dir.name, record)
        assert sorted(top[:6] for top in tops) == expected_tops
        for asset_id in whole.store.asset_ids():
            there, here = whole.store.market(asset_id), alone.store.market(asset_id)
            if here is None:
                # Nothing is known of it, or it left the universe before the cut before the last.
                nothing = (there.status, there.bids(), there.asks()) == ("new", [], [])
                assert nothing or (asset_id in gone[number - 1] and not there.connection)
            else:
                assert (here.status, here.bids(), here.asks()) == (there.status, there.bids(), there.asks())
        removed = {token for fields in controls(run_dir, Control.UNIVERSE) for token in fields["removed"]}
        gone.append(gone[-1] | removed)
    return whole.seq


def assert_chain(run_dirs, line):
    """Hold closed bundles against the JSON line and each other: names, totals, run logs, A1."""
    manifests = [read_manifest(RunDir(run_dir)) for run_dir in run_dirs]
    names = [run_dir.name for run_dir in run_dirs]
    assert line["run_ids"] == names
    assert [manifest.previous for manifest in manifests] == [None, *names[:-1]]
    assert [manifest.next for manifest in manifests] == [*names[1:], None]
    assert sum(manifest.totals.received for manifest in manifests) == line["received"]
    assert sum(manifest.totals.written for manifest in manifests) == line["written"]
    for number, (run_dir, manifest) in enumerate(zip(run_dirs, manifests, strict=True)):
        is_last = number == len(run_dirs) - 1
        assert manifest.status == "closed"
        assert verify(run_dir).ok
        beats, lines = heartbeats(run_dir), runlog(run_dir)
        assert lines[0]["record_type"] == "run_start"
        assert lines[0].get("previous") == manifest.previous
        end = lines[-1]
        assert end["record_type"] == "run_end"
        assert end.get("next") == manifest.next
        assert is_last or end["reason"] == "rotation"
        assert end["queued"] == 0
        assert end["received"] == manifest.totals.received
        assert beats[-1]["durable_frames"] == end["written"] == manifest.totals.written
        reasons = {
            control_fields(record)["reason"]
            for record in read_records(run_dir)
            if record.control == Control.END
        }
        assert is_last or reasons == {"rotation"}
        json.loads((run_dir / "manifest.json").read_text())
