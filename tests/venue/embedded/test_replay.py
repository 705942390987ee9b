"""A recorded run served as a venue: whoever captures it gets the books that were recorded."""

import json
import time
import urllib.request

import pytest
from support.captures import run_command
from support.commands import pm_data
from websockets.sync.client import connect

from pm_data.bundle.opening import open_bundle
from pm_data.state.run_state import RunState
from pm_data.venue.embedded.generate_bundle import write_bundle
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.embedded.replay import Replay


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("data") / "runs" / "recorded"
    write_bundle(VenueOptions(seed=4, markets=8, rate=500), 2000, run_dir, 2, 250)
    return run_dir


def books(run_dir):
    state = RunState()
    for record in open_bundle(run_dir).replay_records(lambda damage: None):
        state.apply(record)
    markets = {asset_id: state.store.market(asset_id) for asset_id in state.store.asset_ids()}
    return {
        asset_id: (market.bids(), market.asks())
        for asset_id, market in markets.items()
        if market.status == "live" and market.bids()
    }


def test_capture_of_a_replay_ends_with_the_recorded_books(recorded, tmp_path):
    with EmbeddedVenue(VenueOptions(), Replay(open_bundle(recorded), 2.0)) as venue:
        flags = [f"--gamma-base-url={venue.urls.gamma_base_url}", f"--clob-ws-url={venue.urls.clob_ws_url}"]
        flags += [f"--clob-base-url={venue.urls.clob_base_url}", "--duration-seconds=4"]
        flags += ["--no-capture-universe-refresh-enable"]
        done = run_command("capture", f"--data-dir={tmp_path}", "--run-id=again", *flags)
    assert done.returncode == 0, done.stderr
    again, before = books(tmp_path / "runs" / "again"), books(recorded)
    assert len(before) >= 12
    assert again == {asset_id: book for asset_id, book in before.items() if asset_id in again}
    assert len(again) >= len(before) - 4  # a market that was announced while it ran was not asked for


def test_books_and_listing_are_those_of_the_moment(recorded):
    with EmbeddedVenue(VenueOptions(), Replay(open_bundle(recorded), 1000.0)) as venue:
        with urllib.request.urlopen(venue.urls.gamma_base_url + "/markets/keyset?limit=100") as answer:
            listed = json.load(answer)["markets"]
        assert len(listed) == 8
        asset_id = json.loads(listed[0]["clobTokenIds"])[0]
        time.sleep(0.5)
        body = json.dumps([{"token_id": asset_id}, {"token_id": "nothing"}]).encode()
        request = urllib.request.Request(venue.urls.clob_base_url + "/books", body)
        with urllib.request.urlopen(request) as answer:
            (rest,) = json.load(answer)
        with connect(venue.urls.clob_ws_url, compression=None) as client:
            client.send(json.dumps({"assets_ids": [asset_id], "type": "market"}))
            (opening,) = json.loads(client.recv(timeout=5))
        assert opening == rest
        assert len(opening["hash"]) == 40
    bids, _asks = books(recorded)[asset_id]
    assert len(opening["bids"]) == len(bids)


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--replay", "nowhere"], 2, "nowhere"),
        (["--replay", "x", "--fault", "freeze"], 2, "--replay goes with neither --fault nor --frames"),
        (["--replay", "x", "--speed", "fast"], 78, "--speed: 'fast' is not a number"),
    ],
)
def test_mistakes_are_one_line(flags, code, words, tmp_path):
    done = pm_data("venue", *flags, cwd=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
