"""The venue in a thread: start, pace, the log of what it sent, ports."""

import json
import threading
import time

import pytest
from websockets.sync.client import connect

from pm_data.errors import ConfigError, InputOutputError, UnavailableError
from pm_data.venue.embedded.exchange import Exchange
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions


def subscription(options):
    books = Exchange(options, 0).books
    ids = [asset_id for book in books for asset_id in book.listing.asset_ids]
    return json.dumps({"assets_ids": ids, "type": "market"})


def open_socket(venue):
    return connect(venue.urls.clob_ws_url, compression=None, max_queue=None, max_size=None)


def test_it_keeps_its_pace():
    options = VenueOptions(seed=2, markets=10, rate=1000, keep_sent=True)
    with EmbeddedVenue(options) as venue, open_socket(venue) as client:
        client.send(subscription(options))
        client.recv(timeout=10)
        before = len(venue.sent(1))
        time.sleep(1.5)
        frames = len(venue.sent(1)) - before
    assert 1200 < frames < 1800


def test_the_messages_are_the_seeds_but_for_their_stamps():
    options = VenueOptions(seed=2, markets=10, rate=2000, keep_sent=True)

    def levels(payloads):
        for payload in payloads:
            message = json.loads(payload)
            if isinstance(message, dict) and message["event_type"] == "price_change":
                yield [
                    (entry["asset_id"], entry["price"], entry["size"]) for entry in message["price_changes"]
                ]

    runs = []
    for _ in range(2):
        with EmbeddedVenue(options) as venue, open_socket(venue) as client:
            client.send(subscription(options))
            for _ in range(400):
                client.recv(timeout=10)
            runs.append(list(levels(venue.sent(1))))
    one, other = runs
    # The two subscriptions came at different moments: look for the one start in the other run.
    start = next((at for at in range(len(one)) if one[at : at + 20] == other[:20]), None)
    if start is None:
        start = -next(at for at in range(len(other)) if other[at : at + 20] == one[:20])
    shifted = one[start:] if start >= 0 else one
    against = other if start >= 0 else other[-start:]
    length = min(len(shifted), len(against))
    assert length > 100
    assert shifted[:length] == against[:length]


def test_more_than_the_machine_can_do_is_a_slower_venue():
    # enough markets that the flow does not resolve all of them while the test waits
    options = VenueOptions(seed=2, markets=400, rate=1_000_000)
    with EmbeddedVenue(options) as venue:
        time.sleep(1.5)
        with open_socket(venue) as client:
            client.send(subscription(options))
            assert json.loads(client.recv(timeout=10))
            for _ in range(20):
                change = json.loads(client.recv(timeout=10))
    assert abs(int(change["timestamp"]) - time.time() * 1000) < 10_000


def test_the_sent_log_holds_what_the_client_got(tmp_path):
    options = VenueOptions(seed=2, markets=10, rate=1000, sent_log=tmp_path / "sent")
    received = {}
    with EmbeddedVenue(options) as venue:
        for number in (1, 2):
            with open_socket(venue) as client:
                client.send(subscription(options))
                client.send("PING")
                received[number] = [client.recv(timeout=10) for _ in range(100)]
    for number, texts in received.items():
        lines = (tmp_path / "sent" / f"conn_{number}.ndjson").read_text(encoding="utf-8").splitlines()
        logged = [json.loads(line) for line in lines]
        assert all(line.keys() == {"raw"} for line in logged)
        assert [line["raw"] for line in logged][:100] == texts


def test_a_directory_that_cannot_be_made_is_one_error(tmp_path):
    (tmp_path / "file").write_text("")
    venue = EmbeddedVenue(VenueOptions(sent_log=tmp_path / "file"))
    with pytest.raises(InputOutputError, match="file"):
        venue.__enter__()


def test_a_port_in_use_is_one_error():
    with EmbeddedVenue(VenueOptions(markets=1, rate=0)) as venue:
        port = int(venue.urls.gamma_base_url.rsplit(":", 1)[1])
        other = EmbeddedVenue(VenueOptions(markets=1, port=port))
        with pytest.raises(UnavailableError, match=f"port {port} on 127.0.0.1 is in use"):
            other.__enter__()


def test_it_leaves_no_thread():
    before = threading.active_count()
    for _ in range(3):
        with EmbeddedVenue(VenueOptions(markets=1, rate=100)):
            pass
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "bad",
    [{"seed": -1}, {"seed": 2**63}, {"markets": 0}, {"markets": 20_001}, {"rate": -1}, {"port": 65_536}],
)
def test_options_out_of_range_are_refused(bad):
    with pytest.raises(ConfigError, match=next(iter(bad))):
        VenueOptions(**bad)
