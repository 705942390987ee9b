"""Whole sessions against a scripted server: what ends up in the record log."""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from scripted_venue import Peer, Run, Runner, ScriptedVenue, book, make_markets, opening, quick_config

from pm_data.config import Config
from pm_data.errors import FatalCaptureError, UnavailableError
from pm_data.frame import Control, Kind, control_fields
from pm_data.venue.recordlog import RecordLog
from pm_data.venue.universe import Market


def good(peer: Peer) -> None:
    """Send the books that were asked for, then answer PINGs."""
    peer.send(opening(peer.subscribed()))
    peer.serve_until_closed()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_life_of_a_quiet_session(run_session: Runner) -> None:
    markets = make_markets(3)
    with ScriptedVenue(good) as venue:
        run = run_session(
            quick_config(venue.url),
            [markets[:2], markets[2:]],
            lambda run: len(run.frames()) >= 2 and all(s.tokens_with_book for s in run.session.status()),
        )
    by_shard = {shard: [record for record in run.records if record.shard == shard] for shard in (0, 1)}
    for shard, records in by_shard.items():
        assert [record.seq for record in records] == list(range(len(records)))
        assert [record.control for record in records if record.kind == Kind.CONTROL] == [
            Control.UNIVERSE,
            Control.OPENED,
            Control.SUBSCRIBED,
            Control.CLOSED,
            Control.END,
        ]
        conns = {record.conn for record in records if record.control not in (Control.UNIVERSE, Control.END)}
        assert len(conns) == 1
        assert records[0].conn == records[-1].conn == 0
        assert run.controls(Control.UNIVERSE, shard)[0]["removed"] == []
        assert run.controls(Control.SUBSCRIBED, shard)[0]["reason"] == "initial"
    assert run.controls(Control.UNIVERSE, 0)[0]["markets"] == [market.metadata() for market in markets[:2]]
    assert run.controls(Control.SUBSCRIBED, 0)[0]["tokens"] == ["01", "02", "11", "12"]
    assert run.controls(Control.CLOSED)[0] == {"code": 1000, "reason": "", "cause": "stop"}
    assert run.controls(Control.END) == [{"reason": "stop"}] * 2
    assert run.controls(Control.GAP) == []
    assert run.stop_seconds < 1
    assert [name for name, _ in run.events].count("connected") == 2
    assert {record.conn for record in run.records} == {0, 1, 2}


def test_first_message_is_the_subscription_and_pings_follow(run_session: Runner) -> None:
    with ScriptedVenue(good) as venue:
        run_session(
            quick_config(venue.url, ws_ping_interval_seconds=0.05),
            [make_markets(60)],
            lambda run: len(venue.peers) == 1 and len(venue.peers[0].received) >= 4,
        )
    first, second, *rest = venue.peers[0].received
    assert json.loads(first)["type"] == "market"
    assert len(json.loads(first)["assets_ids"]) == 100
    assert json.loads(second)["operation"] == "subscribe"
    assert len(json.loads(second)["assets_ids"]) == 20
    assert set(rest) == {"PING"}


def test_status_follows_the_session(run_session: Runner) -> None:
    def script(peer: Peer) -> None:
        asset_ids = peer.subscribed()
        peer.send(opening(asset_ids[:1]))
        peer.send(book("of another connection").encode())
        peer.serve_until_closed()

    with ScriptedVenue(script) as venue:
        run = run_session(
            quick_config(venue.url, ws_ping_interval_seconds=0.02),
            [make_markets(1)],
            lambda run: run.session.status()[0].seen.get("pong", 0) >= 1,
        )
        (status,) = run.session.status()
    assert (status.shard, status.conn, status.connected, status.tokens) == (0, 1, False, 2)
    assert status.confirmed
    assert status.reconnects == 0
    assert status.seen["data"] == 2


def test_close_of_the_venue_is_a_gap_and_a_new_connection(run_session: Runner) -> None:
    def script(peer: Peer) -> None:
        peer.send(opening(peer.subscribed()))
        if peer.number == 0:
            peer.close(1013, "slow consumer: send buffer full")
        peer.serve_until_closed()

    with ScriptedVenue(script) as venue:
        run = run_session(
            quick_config(venue.url),
            [make_markets(1)],
            lambda run: len(run.frames()) == 2,
        )
        (status,) = run.session.status()
    assert run.story() == [
        *("UNIVERSE", "OPENED", "SUBSCRIBED", "frame", "CLOSED", "GAP"),
        *("OPENED", "SUBSCRIBED", "frame", "CLOSED", "END"),
    ]
    assert run.controls(Control.CLOSED)[0] == {
        "code": 1013,
        "reason": "slow consumer: send buffer full",
        "cause": "venue",
    }
    (gap,) = run.controls(Control.GAP)
    frame = run.records[3]
    assert gap == {
        "cause": "closed",
        "tokens": ["01", "02"],
        "frames": 0,
        "bytes": 0,
        "first_mono_ns": frame.rx_mono_ns,
        "last_mono_ns": None,
    }
    assert run.controls(Control.SUBSCRIBED)[1]["reason"] == "reconnect"
    assert [record.conn for record in run.records] == [0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 0]
    assert run.controls(Control.OPENED)[1]["attempt"] == 1
    assert status.reconnects == 1
    names = [name for name, _ in run.events]
    assert names == ["connected", "disconnected", "reconnect", "connected", "disconnected"]


def test_cut_line_is_a_gap_of_cause_network(run_session: Runner) -> None:
    def script(peer: Peer) -> None:
        peer.send(opening(peer.subscribed()))
        if peer.number == 0:
            wait_for(lambda: log.account(0).received_frames == 1)
            peer.reset()
        peer.serve_until_closed()

    log = RecordLog(100, 10_000)
    with ScriptedVenue(script) as venue:
        run = run_session(
            quick_config(venue.url), [make_markets(1)], lambda run: len(run.frames()) == 2, log=log
        )
    assert run.controls(Control.CLOSED)[0]["cause"] == "network"
    assert run.controls(Control.CLOSED)[0]["code"] is None
    assert len(run.controls(Control.GAP)) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_refused_handshakes_are_tried_again(run_session: Runner, status: int) -> None:
    with ScriptedVenue(good, refusals=[status, status]) as venue:
        run = run_session(quick_config(venue.url), [make_markets(1)], lambda run: len(run.frames()) == 1)
    assert run.story() == ["UNIVERSE", "OPENED", "SUBSCRIBED", "frame", "CLOSED", "END"]
    assert run.controls(Control.OPENED)[0]["attempt"] == 3
    tries = [fields for name, fields in run.events if name == "reconnect"]
    assert [fields["cause"] for fields in tries] == ["dial", "dial"]
    assert f"HTTP {status}" in tries[0]["detail"]


def test_connection_that_answers_only_pings_is_idle(run_session: Runner) -> None:
    def script(peer: Peer) -> None:
        asset_ids = peer.subscribed()
        peer.send(opening(asset_ids))
        peer.serve_until_closed()

    with ScriptedVenue(script) as venue:
        run = run_session(
            quick_config(venue.url, ws_ping_interval_seconds=0.05, ws_data_idle_reconnect_seconds=0.4),
            [make_markets(1)],
            lambda run: len(run.controls(Control.OPENED)) == 2,
        )
    assert run.controls(Control.CLOSED)[0]["cause"] == "idle"
    assert b"PONG" in [record.payload for record in run.records]
    (gap,) = run.controls(Control.GAP)
    assert gap["tokens"] == ["01", "02"]


def test_new_market_news_does_not_hide_a_dead_subscription(run_session: Runner) -> None:
    def script(peer: Peer) -> None:
        peer.send(opening(peer.subscribed()))
        while not peer.ended and not peer.over.is_set():
            peer.send(b'{"assets_ids":["8","9"],"event_type":"new_market"}')
            peer.receive(0.05)

    with ScriptedVenue(script) as venue:
        run = run_session(
            quick_config(venue.url, ws_data_idle_reconnect_seconds=0.4),
            [make_markets(1)],
            lambda run: len(run.controls(Control.CLOSED)) == 1,
        )
    assert run.controls(Control.CLOSED)[0]["cause"] == "idle"


def test_half_open_line_is_found_by_the_ping(run_session: Runner) -> None:
    def script(peer: Peer) -> None:
        peer.send(opening(peer.subscribed()))
        if peer.number == 0:
            peer.ignore_everything()
        peer.serve_until_closed()

    with ScriptedVenue(script) as venue:
        run = run_session(
            quick_config(venue.url, ws_ping_interval_seconds=0.1, ws_ping_timeout_seconds=0.3),
            [make_markets(1)],
            lambda run: len(run.frames()) == 2,
        )
    assert run.controls(Control.CLOSED)[0] == {
        "code": None,
        "reason": "ended without a close frame",
        "cause": "ping_timeout",
    }
    assert len(run.controls(Control.GAP)) == 1


def test_session_without_any_data_ends_fatally(run_session: Runner) -> None:
    def script(peer: Peer) -> None:
        peer.subscribed()
        peer.send(b"[]\n")
        peer.serve_until_closed()

    log = RecordLog(100, 10_000)
    with ScriptedVenue(script) as venue, pytest.raises(FatalCaptureError) as caught:
        run_session(
            quick_config(venue.url, capture_confirm_timeout_seconds=0.5),
            [make_markets(1), make_markets(1, first=1)],
            lambda run: False,
            log=log,
        )
    assert str(caught.value) == (
        f"none of 2 connections to {venue.url} brought 1 data frames within 0.5 s: connected, 0 data frames"
    )


def test_fatal_session_still_ends_its_stream(run_session: Runner) -> None:
    records = []

    class Log(RecordLog):
        def control(self, shard, conn, control, fields) -> None:
            records.append((control, fields))
            super().control(shard, conn, control, fields)

    with ScriptedVenue(lambda peer: peer.serve_until_closed()) as venue, pytest.raises(FatalCaptureError):
        run_session(
            quick_config(venue.url, capture_confirm_timeout_seconds=0.3),
            [make_markets(1)],
            lambda run: False,
            log=Log(100, 10_000),
        )
    assert records[-1] == (Control.END, {"reason": "fatal"})
    assert [control for control, _ in records].count(Control.CLOSED) == 1


def test_venue_that_is_not_there_is_fatal_with_its_reason(run_session: Runner) -> None:
    with ScriptedVenue(good) as venue:
        url = venue.url
    with pytest.raises(FatalCaptureError, match=r"cannot connect to 127\.0\.0\.1:\d+: Connection refused"):
        run_session(
            quick_config(url, capture_confirm_timeout_seconds=0.3), [make_markets(1)], lambda run: False
        )


def test_one_connection_without_data_is_dialed_again(run_session: Runner) -> None:
    def script(peer: Peer) -> None:
        asset_ids = peer.subscribed()
        if "01" in asset_ids and not silenced:
            silenced.append(peer)
        else:
            peer.send(opening(asset_ids))
        peer.serve_until_closed()

    silenced: list[Peer] = []
    with ScriptedVenue(script) as venue:
        run = run_session(
            quick_config(venue.url, capture_confirm_timeout_seconds=0.5),
            [make_markets(1), make_markets(1, first=1)],
            lambda run: all(status.confirmed for status in run.session.status()),
        )
    assert [fields["cause"] for fields in run.controls(Control.CLOSED, 0)] == ["confirm", "stop"]
    assert [fields["cause"] for fields in run.controls(Control.CLOSED, 1)] == ["stop"]
    assert len(run.controls(Control.GAP, 0)) == 1
    assert run.controls(Control.GAP, 1) == []


def test_shard_that_had_data_is_confirmed_though_its_connection_ended(run_session: Runner) -> None:
    def script(peer: Peer) -> None:
        asset_ids = peer.subscribed()
        if peer.number == 0:
            peer.send(opening(asset_ids))
            peer.close(1001)
        peer.ignore_everything()

    with ScriptedVenue(script) as venue:
        started = time.monotonic()
        run = run_session(
            quick_config(venue.url, capture_confirm_timeout_seconds=0.4),
            [make_markets(1)],
            lambda run: time.monotonic() - started > 0.8,
        )
    assert [fields["cause"] for fields in run.controls(Control.CLOSED)] == ["venue", "stop"]


def test_confirm_asks_for_as_many_frames_as_set(run_session: Runner) -> None:
    with ScriptedVenue(good) as venue, pytest.raises(FatalCaptureError, match="3 data frames"):
        run_session(
            quick_config(venue.url, capture_confirm_timeout_seconds=0.4, capture_confirm_min_events=3),
            [make_markets(1)],
            lambda run: False,
        )


def test_stop_is_quick_when_the_venue_never_answers(run_session: Runner) -> None:
    def script(peer: Peer) -> None:
        peer.send(opening(peer.subscribed()))
        peer.ignore_everything()

    with ScriptedVenue(script) as venue:
        run = run_session(
            quick_config(venue.url, ws_ping_interval_seconds=60.0),
            [[market] for market in make_markets(4)],
            lambda run: len(run.frames()) == 4,
        )
    assert 0.9 < run.stop_seconds < 2.5
    assert [fields["cause"] for fields in run.controls(Control.CLOSED)] == ["stop"] * 4
    assert run.controls(Control.GAP) == []
    assert len(run.controls(Control.END)) == 4


def test_stop_reads_what_the_socket_still_holds(run_session: Runner) -> None:
    stopping = threading.Event()

    def script(peer: Peer) -> None:
        peer.send(opening(peer.subscribed()))
        stopping.wait(10)
        time.sleep(0.2)
        for number in range(200):
            peer.send(book("01", f"0.{number:03d}").encode())
        peer.serve_until_closed()

    def until(run: Run) -> bool:
        if len(run.frames()) == 1:
            stopping.set()
        return stopping.is_set()

    with ScriptedVenue(script) as venue:
        run = run_session(quick_config(venue.url), [make_markets(1)], until)
    assert len(run.frames()) == 201
    assert run.story()[-2:] == ["CLOSED", "END"]


def test_stop_while_dialing_and_while_waiting_to_dial(run_session: Runner) -> None:
    with ScriptedVenue(good, handshake_seconds=30.0) as venue:
        run = run_session(quick_config(venue.url), [make_markets(1)], lambda run: len(venue.peers) == 1)
    assert run.story() == ["UNIVERSE", "END"]
    assert run.stop_seconds < 1
    with ScriptedVenue(good, refusals=[503] * 100) as venue:
        run = run_session(quick_config(venue.url), [make_markets(1)], lambda run: len(run.events) >= 3)
    assert run.story() == ["UNIVERSE", "END"]
    assert run.stop_seconds < 1


def test_stop_before_the_start_leaves_a_whole_stream(run_session: Runner) -> None:
    with ScriptedVenue(good) as venue:
        run = run_session(quick_config(venue.url), [make_markets(1)], lambda run: True)
    assert run.story()[0] == "UNIVERSE"
    assert run.story()[-1] == "END"


def refreshing(url: str, **changes: Any) -> Config:
    return quick_config(
        url,
        capture_universe_refresh_enable=True,
        capture_universe_refresh_interval_seconds=0.1,
        **changes,
    )


def refreshes(run: Run) -> list[dict[str, Any]]:
    return [fields for name, fields in run.events if name == "universe_refresh"]


def test_refresh_changes_the_universe_on_the_open_socket(run_session: Runner) -> None:
    before = make_markets(3)
    after = [*before[1:], *make_markets(1, first=7)]
    threads = set()

    def find_markets() -> list[Market]:
        threads.add(threading.current_thread())
        return after

    with ScriptedVenue(good) as venue:
        run = run_session(
            refreshing(venue.url),
            [before],
            lambda run: len(venue.peers) == 1 and len(venue.peers[0].received) >= 3,
            find_markets,
        )
    operations = [json.loads(text) for text in venue.peers[0].received if text != "PING"][1:]
    assert [(message["operation"], message["assets_ids"]) for message in operations] == [
        ("unsubscribe", ["01", "02"]),
        ("subscribe", ["71", "72"]),
    ]
    assert run.story() == [
        *("UNIVERSE", "OPENED", "SUBSCRIBED", "frame"),
        *("UNSUBSCRIBED", "UNIVERSE", "SUBSCRIBED", "CLOSED", "END"),
    ]
    assert run.controls(Control.UNSUBSCRIBED) == [{"tokens": ["01", "02"], "reason": "refresh"}]
    assert run.controls(Control.UNIVERSE)[1] == {
        "markets": [after[-1].metadata()],
        "removed": ["01", "02"],
    }
    assert run.controls(Control.SUBSCRIBED)[1] == {"tokens": ["71", "72"], "reason": "refresh"}
    assert run.controls(Control.GAP) == []
    assert (
        refreshes(run)[0].items()
        >= {"ok": True, "markets": 3, "added": 1, "removed": 1, "restated": 0}.items()
    )
    assert threading.main_thread() not in threads
    (status,) = run.session.status()
    assert status.tokens == 6


def test_refresh_fills_shards_and_opens_new_ones(run_session: Runner) -> None:
    before = make_markets(3)
    after = [*before, *make_markets(4, first=10)]
    with ScriptedVenue(good) as venue:
        run = run_session(
            refreshing(venue.url, ws_tokens_per_shard_max=4),
            [before[:2], before[2:]],
            lambda run: len(run.controls(Control.SUBSCRIBED)) == 5,
            lambda: after,
        )
        assert [status.tokens for status in run.session.status()] == [4, 4, 4, 2]
    assert run.log.shards == [0, 1, 2, 3]
    assert run.controls(Control.SUBSCRIBED, 0) == [{"tokens": ["01", "02", "11", "12"], "reason": "initial"}]
    assert run.controls(Control.SUBSCRIBED, 1)[1] == {"tokens": ["101", "102"], "reason": "refresh"}
    assert run.controls(Control.SUBSCRIBED, 3)[0]["reason"] == "initial"
    assert all(record.control == Control.UNIVERSE for record in run.records if record.seq == 0)
    assert run.controls(Control.GAP) == []


def test_refresh_that_fails_or_shrinks_too_far_changes_nothing(run_session: Runner) -> None:
    before = make_markets(4)
    answers: list[object] = [UnavailableError("Gamma is away"), [], before[:1], before]

    def find_markets() -> list[Market]:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, UnavailableError):
            raise answer
        return answer

    with ScriptedVenue(good) as venue:
        run = run_session(refreshing(venue.url), [before], lambda run: len(refreshes(run)) >= 4, find_markets)
    assert [fields["ok"] for fields in refreshes(run)[:4]] == [False, False, False, True]
    assert refreshes(run)[0]["error"] == "Gamma is away"
    assert refreshes(run)[1]["error"] == "the listing lacks 4 of 4 captured markets, so nothing was changed"
    assert run.story() == ["UNIVERSE", "OPENED", "SUBSCRIBED", "frame", "CLOSED", "END"]


def test_new_metadata_is_recorded_and_touches_no_subscription(run_session: Runner) -> None:
    from dataclasses import replace

    before = make_markets(2)
    after = [before[0], replace(before[1], tick_size="0.001")]
    with ScriptedVenue(good) as venue:
        run = run_session(
            refreshing(venue.url),
            [before],
            lambda run: len(run.controls(Control.UNIVERSE)) == 2,
            lambda: after,
        )
    assert run.controls(Control.UNIVERSE)[1] == {"markets": [after[1].metadata()], "removed": []}
    assert len(run.controls(Control.SUBSCRIBED)) == 1


def test_shard_without_markets_waits_for_some(run_session: Runner) -> None:
    before = make_markets(4)
    answers = [before[2:], [*before[2:], *make_markets(4, first=7)]]

    def find_markets() -> list[Market]:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    with ScriptedVenue(good) as venue:
        run = run_session(
            refreshing(venue.url, ws_tokens_per_shard_max=4),
            [before[:2], before[2:]],
            lambda run: len(run.controls(Control.SUBSCRIBED, 0)) == 2,
            find_markets,
        )
    assert [fields["cause"] for fields in run.controls(Control.CLOSED, 0)] == ["stop", "stop"]
    assert run.controls(Control.GAP) == []
    assert run.controls(Control.SUBSCRIBED, 0)[1] == {
        "tokens": ["71", "72", "81", "82"],
        "reason": "reconnect",
    }


def test_refresh_that_hangs_does_not_hold_up_the_stop(run_session: Runner) -> None:
    asked = threading.Event()
    over = threading.Event()

    def find_markets() -> list[Market]:
        asked.set()
        over.wait(30)
        return []

    try:
        with ScriptedVenue(good) as venue:
            run = run_session(
                refreshing(venue.url), [make_markets(1)], lambda run: asked.is_set(), find_markets
            )
        assert run.stop_seconds < 1
    finally:
        over.set()


def test_failure_in_the_refresh_ends_the_session_with_its_error(run_session: Runner) -> None:
    def find_markets() -> list[Market]:
        raise ZeroDivisionError("a mistake of ours")

    with ScriptedVenue(good) as venue, pytest.raises(ZeroDivisionError):
        run_session(refreshing(venue.url), [make_markets(1)], lambda run: False, find_markets)


def test_everything_sent_is_recorded_in_order_under_load(run_session: Runner) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    sent = {
        number: [bytes(rng.randrange(256) for _ in range(rng.randrange(300))) for _ in range(500)]
        for number in range(4)
    }
    played: dict[int, list[bytes]] = {}

    def script(peer: Peer) -> None:
        token = peer.subscribed()[0]
        payloads = sent[int(token[:-1])]
        played[int(token[:-1])] = payloads
        for payload in payloads:
            peer.send(payload)
        peer.serve_until_closed()

    with ScriptedVenue(script) as venue:
        run = run_session(
            quick_config(venue.url),
            [[market] for market in make_markets(4)],
            lambda run: sum(run.log.account(shard).received_frames for shard in range(4)) >= 2000,
        )
    for shard in range(4):
        recorded = [
            record.payload for record in run.records if record.shard == shard and record.kind != Kind.CONTROL
        ]
        assert recorded[:500] == sent[shard]
        assert run.log.account(shard).dropped_frames == 0


def test_drops_under_a_full_queue_are_said(run_session: Runner) -> None:
    log = RecordLog(3, 10_000_000)
    sent = threading.Event()

    def script(peer: Peer) -> None:
        peer.subscribed()
        for number in range(100):
            peer.send(book("01", f"0.{number:03d}").encode())
        sent.set()
        peer.serve_until_closed()

    with ScriptedVenue(script) as venue:
        run = run_session(
            quick_config(venue.url),
            [make_markets(1)],
            lambda run: sent.is_set() and log.account(0).received_frames >= 100,
            log=log,
        )
    account = log.account(0)
    gaps = [control_fields(r) for r in run.records if r.control == Control.GAP]
    assert account.dropped_frames > 0
    assert sum(gap["frames"] for gap in gaps) == account.dropped_frames
    assert sum(gap["bytes"] for gap in gaps) == account.dropped_bytes
    assert {tuple(gap["tokens"]) for gap in gaps} == {("01", "02")}
    assert len(run.frames()) + account.dropped_frames == account.received_frames


PROGRAM = """
import asyncio, sys
from pm_data import osdep
from pm_data.config import Config
from pm_data.venue.recordlog import RecordLog
from pm_data.venue.session import Session
from pm_data.venue.universe import Market

market = Market("0xc", "s", "q", ("01", "02"), ("Yes", "No"), "0.01", "5", False, False, None, 0.0)
log = RecordLog(1000, 1_000_000)

async def main():
    session = Session(Config(clob_ws_url=sys.argv[1]), [[market]], log,
                      lambda name, fields: print(name, flush=True), None)
    loop = asyncio.get_running_loop()
    stop = lambda: loop.call_soon_threadsafe(session.stop, "stop")
    with osdep.stop_signals(stop):
        await session.run()

asyncio.run(main())
log.close()
print([record.control for record in log.take(0)], flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT and SIGTERM")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_a_session(number: int) -> None:
    with ScriptedVenue(good) as venue:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM), venue.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "connected\n"
            process.send_signal(number)
            started = time.monotonic()
            out, err = process.communicate(timeout=10)
            assert time.monotonic() - started < 5
    assert process.returncode == 0, err
    controls = json.loads(out.splitlines()[-1])
    assert [control for control in controls if control] == [
        *(Control.UNIVERSE, Control.OPENED, Control.SUBSCRIBED, Control.CLOSED, Control.END)
    ]
