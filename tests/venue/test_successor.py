"""Planned replacement of a connection: no gap, and every token's frames from the one that owns it."""

import json
from itertools import pairwise

from scripted_venue import Peer, Run, Runner, ScriptedVenue, make_markets, opening, quick_config

from pm_data.frame import Control, Kind, control_fields
from pm_data.state.run_state import RunState
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.gamma import GammaClient


def test_connections_are_replaced_without_a_gap(run_session: Runner) -> None:
    with EmbeddedVenue(VenueOptions(seed=6, markets=20, rate=800, keep_sent=True)) as venue:
        client = GammaClient(venue.urls.gamma_base_url)
        markets = client.active_markets(1000).markets
        client.close()
        run = run_session(
            quick_config(
                venue.urls.clob_ws_url,
                clob_base_url=venue.urls.clob_base_url,
                ws_connection_max_seconds=0.4,
            ),
            [markets[:10], markets[10:]],
            lambda run: len(run.controls(Control.CLOSED)) >= 5,
        )
    assert run.controls(Control.GAP) == []
    causes = [fields["cause"] for fields in run.controls(Control.CLOSED)]
    assert causes.count("rotation") >= 4
    assert set(causes) <= {"rotation", "stop"}
    assert not [name for name, _ in run.events if name == "reconnect"]
    assert all(status.reconnects == 0 for status in run.session.status())
    assert_handovers_stand_before_books(run)
    state = RunState()
    for record in run.records:
        state.apply(record)
    assert run.controls(Control.UNSUBSCRIBED) == []
    assert state.store.counters()["not_owner"] > 0
    # A token's book after all this is the one that its last connection alone gives.
    alone: dict[int, RunState] = {}
    owner: dict[str, int] = {}
    for record in run.records:
        if record.kind != Kind.CONTROL:
            alone.setdefault(record.conn, RunState()).apply(record._replace(shard=0))
        elif record.control in (Control.SUBSCRIBED, Control.HANDOVER):
            fields = control_fields(record)
            if fields.get("reason") != "rotation":
                owner |= dict.fromkeys(fields["tokens"], record.conn)
    assert len(owner) == 40
    for asset_id, conn in owner.items():
        whole, last = state.store.market(asset_id), alone[conn].store.market(asset_id)
        assert whole is not None
        assert last is not None
        assert (whole.bids(), whole.asks(), whole.status) == (last.bids(), last.asks(), last.status)


def test_quiet_tokens_that_moved_raise_no_alarm(run_session: Runner) -> None:
    with EmbeddedVenue(VenueOptions(seed=6, markets=20, rate=0)) as venue:
        client = GammaClient(venue.urls.gamma_base_url)
        markets = client.active_markets(1000).markets
        client.close()
        run = run_session(
            quick_config(
                venue.urls.clob_ws_url,
                clob_base_url=venue.urls.clob_base_url,
                ws_connection_max_seconds=0.6,
                capture_witness_silent_seconds=0.2,
                capture_witness_grace_seconds=0.05,
            ),
            [markets],
            lambda run: (
                len(run.controls(Control.CLOSED)) >= 2
                and sum(fields["quiet"] for fields in run.controls(Control.WITNESS)) > 150
            ),
        )
    assert run.controls(Control.GAP) == []
    assert all(not fields["changed"] for fields in run.controls(Control.WITNESS))


def assert_handovers_stand_before_books(run: Run) -> None:
    """Hold each handover against SPEC 12: directly before its connection's first book of these tokens."""
    for shard in run.log.shards:
        records = [record for record in run.records if record.shard == shard]
        for record, following in pairwise(records):
            if record.control == Control.HANDOVER:
                assert following.kind != Kind.CONTROL
                assert following.conn == record.conn
                for asset_id in control_fields(record)["tokens"]:
                    assert f'"asset_id":"{asset_id}"'.encode() in following.payload


def test_new_connection_without_books_replaces_nothing(run_session: Runner) -> None:
    def script(peer: Peer) -> None:
        asset_ids = peer.subscribed()
        if peer.number == 0:
            peer.send(opening(asset_ids))
        peer.serve_until_closed()

    with ScriptedVenue(script) as venue:
        run = run_session(
            quick_config(venue.url, ws_connection_max_seconds=0.2, capture_first_book_seconds=0.3),
            [make_markets(2)],
            lambda run: len(run.controls(Control.OPENED)) == 3,
        )
    assert run.controls(Control.CLOSED)[0]["cause"] == "unneeded"
    assert run.controls(Control.GAP) == []
    assert run.controls(Control.HANDOVER) == []


def test_old_connection_that_breaks_meanwhile_leaves_a_gap_for_the_rest(
    run_session: Runner,
) -> None:
    def script(peer: Peer) -> None:
        asset_ids = peer.subscribed()
        if peer.number == 0:
            peer.send(opening(asset_ids))
            while len(venue.peers) < 2 or len(venue.peers[1].received) < 1:
                peer.over.wait(0.01)
            peer.over.wait(0.2)
            peer.reset()
        elif peer.number == 1:
            peer.send(opening(asset_ids[:2]))
            peer.over.wait(0.6)
            peer.send(opening(asset_ids[2:]))
        peer.serve_until_closed()

    with ScriptedVenue(script) as venue:
        run = run_session(
            quick_config(venue.url, ws_connection_max_seconds=0.3, capture_first_book_seconds=20.0),
            [make_markets(2)],
            lambda run: (
                bool(run.session.status())
                and len(run.frames()) == 3
                and run.session.status()[0].tokens_with_book == 4
            ),
        )
    (gap,) = run.controls(Control.GAP)
    assert gap["tokens"] == ["11", "12"]
    assert [fields["tokens"] for fields in run.controls(Control.HANDOVER)] == [["01", "02"], ["11", "12"]]
    state = RunState()
    for record in run.records:
        state.apply(record)
    assert state.store.market("11").status == "live"


def test_new_connection_that_breaks_gives_back_what_it_took(run_session: Runner) -> None:
    def script(peer: Peer) -> None:
        asset_ids = peer.subscribed()
        if peer.number == 1:
            peer.send(opening(asset_ids[:2]))
            peer.over.wait(0.3)
            peer.reset()
            return
        peer.send(opening(asset_ids))
        while not peer.ended and not peer.over.is_set():
            text = peer.receive(0.2)
            if text == "PING":
                peer.send(b"PONG")
            elif text is not None and '"subscribe"' in text:
                peer.send(opening(json.loads(text)["assets_ids"]))

    with ScriptedVenue(script) as venue:
        run = run_session(
            quick_config(venue.url, ws_connection_max_seconds=0.3, capture_first_book_seconds=20.0),
            [make_markets(2)],
            lambda run: len(run.frames()) >= 3 and run.session.status()[0].tokens_with_book == 4,
        )
    (gap,) = run.controls(Control.GAP)
    assert gap["tokens"] == ["01", "02"]
    assert {"tokens": ["01", "02"], "reason": "redrive"} in run.controls(Control.SUBSCRIBED)
    state = RunState()
    for record in run.records:
        state.apply(record)
    for asset_id in ("01", "02", "11", "12"):
        market = state.store.market(asset_id)
        assert market is not None
        assert market.status == "live"
