"""ws_protocol_faults: every misbehaviour of the WebSocket, and what the capture makes of it.

The table is that of docs/venue-faults.md: a fault, and whether the connection stays or is replaced.
"""

from dataclasses import replace

import pytest
from scripted_venue import Run, Runner, quick_config

from pm_data.frame import Control, Kind
from pm_data.venue.embedded.faults import MALFORMED, VIOLATIONS, parse_fault
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.gamma import GammaClient

STAYS = "stays"

TABLE = {
    **{f"close:code={code},after=0.05": "venue" for code in (1000, 1001, 1011, 1013, 4000)},
    "close:code=1006,after=0.05": "network",
    "torn:after=0.05": "network",
    "half_open:after=0.05": "ping_timeout",
    **{f"violation:kind={kind},after=0.05": "network" for kind in VIOLATIONS},
    **{f"malformed:kind={kind},every=10": STAYS for kind in MALFORMED},
    "duplicate:every=5": STAYS,
    "reorder:every=5": STAYS,
    "lost:every=5": STAYS,
    "burst:seconds=0.1": STAYS,
    "huge_opening:bytes=5000000": STAYS,
    "pong_delay:seconds=0.3": STAYS,
    "no_close_answer": STAYS,
    "slow_start:seconds=0.2": STAYS,
    "reject:at_once=0,seconds=0,times=2": STAYS,
}


def test_the_table_has_its_thirty_cases() -> None:
    assert len(TABLE) >= 30


@pytest.mark.parametrize("fault", TABLE)
def test_ws_protocol_faults(run_session: Runner, fault: str) -> None:
    options = VenueOptions(seed=8, markets=4, rate=1500, keep_sent=True, faults=(parse_fault(fault),))
    with EmbeddedVenue(options) as venue:
        client = GammaClient(venue.urls.gamma_base_url)
        markets = client.active_markets(100).markets
        client.close()
        config = replace(
            quick_config(venue.urls.clob_ws_url, clob_base_url=venue.urls.clob_base_url),
            ws_ping_interval_seconds=0.1,
            ws_ping_timeout_seconds=0.5,
        )
        connections = 1 if TABLE[fault] is STAYS else 2

        def until(run: Run) -> bool:
            if len(run.controls(Control.OPENED)) < connections or len(run.frames()) < 150:
                return False
            return run.session.status()[0].tokens_with_book >= 6  # one of the markets may be resolved

        run = run_session(config, [markets], until)
        sent = [venue.sent(number) for number in range(1, venue.connections + 1)]
    assert run.stop_seconds < 5
    closed = [fields["cause"] for fields in run.controls(Control.CLOSED)]
    gaps = [(fields["cause"], len(fields["tokens"])) for fields in run.controls(Control.GAP)]
    if TABLE[fault] is STAYS:
        assert closed == ["stop"]
        assert gaps == []
    else:
        assert closed == [TABLE[fault], "stop"]
        assert gaps == [("closed", 8)]
    received: dict[int, list[bytes]] = {}
    for record in run.records:
        if record.kind != Kind.CONTROL:
            received.setdefault(record.conn, []).append(record.payload)
    for conn, payloads in received.items():
        assert payloads == sent[conn - 1][: len(payloads)]
    account = run.log.account(0)
    assert account.received_frames == sum(map(len, received.values()))
    assert account.received_bytes == sum(len(payload) for part in received.values() for payload in part)
    kinds = {record.kind for record in run.records}
    assert (Kind.BINARY in kinds) == ("binary" in fault)
