"""silent_freeze: what goes silent is found in time and for the right reason, and what is quiet is not."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from scripted_venue import Run, Runner, quick_config

from pm_data.config import Config
from pm_data.frame import Control, Kind, Record, control_fields
from pm_data.venue.embedded.faults import parse_fault
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.gamma import GammaClient
from pm_data.venue.universe import Market

FIRST_BOOK = 0.6
SILENT = 0.4
GRACE = 0.1
FOUND_WITHIN = 35 / 20 * SILENT + 0.5
"""35 s in the scale of the witness's 20 s, and half a second for a busy machine."""


def embedded(*faults: str, markets: int = 4, rate: int = 400, seed: int = 5) -> EmbeddedVenue:
    return EmbeddedVenue(
        VenueOptions(
            seed=seed, markets=markets, rate=rate, keep_sent=True, faults=tuple(map(parse_fault, faults))
        )
    )


def scaled(venue: EmbeddedVenue, **changes: object) -> Config:
    """Return settings in which 20 s are 0.4 s."""
    config = quick_config(
        venue.urls.clob_ws_url,
        clob_base_url=venue.urls.clob_base_url,
        ws_ping_interval_seconds=0.1,
        ws_ping_timeout_seconds=0.4,
        capture_first_book_seconds=FIRST_BOOK,
        capture_witness_silent_seconds=SILENT,
        capture_witness_grace_seconds=GRACE,
        capture_witness_timeout_seconds=1.0,
    )
    return replace(config, **changes)  # type: ignore[arg-type]


def listed(venue: EmbeddedVenue) -> list[Market]:
    client = GammaClient(venue.urls.gamma_base_url)
    try:
        return client.active_markets(1000).markets
    finally:
        client.close()


def of_kind(run: Run, control: Control) -> list[Record]:
    return [record for record in run.records if record.control == control]


def gaps(run: Run) -> list[tuple[str, list[str], float]]:
    """Return cause, tokens and how long the silence had lasted when it was found, in seconds."""
    found = []
    for record in of_kind(run, Control.GAP):
        fields = control_fields(record)
        lasted = (record.rx_mono_ns - fields["first_mono_ns"]) / 1e9
        found.append((fields["cause"], fields["tokens"], lasted))
    return found


def for_seconds(seconds: float) -> Callable[[Run], bool]:
    def until(run: Run) -> bool:
        opened = of_kind(run, Control.OPENED)
        last = run.records[-1].rx_mono_ns if run.records else 0
        return bool(opened) and last - opened[0].rx_mono_ns > seconds * 1e9

    return until


def books_after(run: Run, asset_id: str, index: int) -> Iterable[Record]:
    needle = f'"asset_id":"{asset_id}"'.encode()
    for record in run.records[index:]:
        if record.kind != Kind.CONTROL and needle in record.payload and b'"bids"' in record.payload:
            yield record


def test_one_token_dead_is_found_and_asked_for_again(run_session: Runner) -> None:
    with embedded("freeze_token:token=2,after=0.3,cure=resubscribe") as venue:
        frozen = venue.asset_ids[2]
        run = run_session(
            scaled(venue),
            [listed(venue)],
            lambda run: bool(of_kind(run, Control.GAP)) and for_seconds(2.5)(run),
        )
    ((cause, tokens, lasted),) = gaps(run)
    assert (cause, tokens) == ("silent", [frozen])
    assert lasted < FOUND_WITHIN
    index = run.records.index(of_kind(run, Control.GAP)[0])
    names = [Control(record.control).name for record in run.records[index : index + 3] if record.control]
    assert names == ["GAP", "UNSUBSCRIBED", "SUBSCRIBED"]
    assert next(iter(books_after(run, frozen, index))).conn == run.records[index].conn
    assert len(of_kind(run, Control.OPENED)) == 1
    assert run.session.status()[0].reconnects == 0
    (witness,) = [fields for fields in run.controls(Control.WITNESS) if fields["changed"]]
    assert witness["changed"] == [frozen]


def test_token_that_asking_does_not_bring_back_gets_a_connection_of_its_own(run_session: Runner) -> None:
    with embedded("freeze_token:token=2,after=0.3,cure=connection") as venue:
        frozen = venue.asset_ids[2]
        run = run_session(
            scaled(venue),
            [listed(venue)],
            lambda run: bool(of_kind(run, Control.HANDOVER)) and for_seconds(3.0)(run),
        )
    assert [(cause, tokens) for cause, tokens, _ in gaps(run)] == [("silent", [frozen])]
    (handover,) = of_kind(run, Control.HANDOVER)
    assert control_fields(handover)["tokens"] == [frozen]
    index = run.records.index(handover)
    first_book = run.records[index + 1]
    assert first_book is next(iter(books_after(run, frozen, index)))
    assert first_book.conn == handover.conn
    unsubscribed = run.records[index - 1]
    assert (unsubscribed.control, unsubscribed.conn != handover.conn) == (Control.UNSUBSCRIBED, True)
    assert len(of_kind(run, Control.OPENED)) == 2
    subscribed = [fields["tokens"] for fields in run.controls(Control.SUBSCRIBED)]
    assert subscribed[1:] == [[frozen], [frozen]]  # its siblings were asked for once
    assert run.session.missing_tokens() == {}
    assert not [name for name, _ in run.events if name in ("reconnect", "tokens_missing")]


def test_token_that_nothing_brings_back_is_missing_and_not_fatal(run_session: Runner) -> None:
    with embedded("no_first_book:token=1,cure=none") as venue:
        silent = venue.asset_ids[1]
        run = run_session(
            scaled(venue, capture_first_book_seconds=0.3),
            [listed(venue)],
            lambda run: (
                any(name == "tokens_missing" for name, _ in run.events)
                and len(run.controls(Control.CLOSED)) == 1
            ),
        )
        assert run.session.missing_tokens() == {0: [silent]}
    assert run.controls(Control.MISSING) == [{"tokens": [silent]}]
    assert [fields for name, fields in run.events if name == "tokens_missing"] == [
        {"shard": 0, "tokens": [silent]}
    ]
    reasons = [(fields["reason"], fields["tokens"]) for fields in run.controls(Control.SUBSCRIBED)]
    assert reasons[1:] == [("redrive", [silent]), ("redrive", [silent])]
    last = [fields for fields in run.controls(Control.WITNESS) if fields["asked"] == 1][-1]
    assert last["changed"] == [silent]  # REST has a book: it is lost, not absent
    assert run.controls(Control.GAP) == []
    assert "unneeded" in [fields["cause"] for fields in run.controls(Control.CLOSED)]


def test_first_book_that_asking_again_brings(run_session: Runner) -> None:
    with embedded("no_first_book:token=3,cure=resubscribe") as venue:
        silent = venue.asset_ids[3]
        run = run_session(
            scaled(venue),
            [listed(venue)],
            lambda run: bool(run.session.status()) and run.session.status()[0].tokens_with_book == 8,
        )
    assert [fields["tokens"] for fields in run.controls(Control.SUBSCRIBED)[1:]] == [[silent]]
    assert run.controls(Control.UNSUBSCRIBED) == [{"tokens": [silent], "reason": "redrive"}]
    assert run.controls(Control.GAP) == []


def test_all_dead_with_pong_reconnects(run_session: Runner) -> None:
    with embedded("freeze:after=0.3") as venue:
        run = run_session(
            scaled(venue),
            [listed(venue)],
            lambda run: len(of_kind(run, Control.OPENED)) == 2 and for_seconds(1.5)(run),
        )
    *single, (cause, tokens, lasted) = gaps(run)
    assert run.controls(Control.CLOSED)[0]["cause"] == "silent"
    assert (cause, len(tokens)) == ("closed", 8)
    # Tokens that were silent before the connection was may be found one by one, before it.
    assert {cause for cause, _, _ in single} <= {"silent"}
    assert max(lasted, *(seconds for _, _, seconds in single), 0.0) < FOUND_WITHIN
    before = run.records[: run.records.index(of_kind(run, Control.CLOSED)[0])]
    assert b"PONG" in [record.payload for record in before]


def test_book_then_silence_reconnects(run_session: Runner) -> None:
    with embedded("silence") as venue:
        run = run_session(scaled(venue), [listed(venue)], lambda run: len(of_kind(run, Control.OPENED)) == 2)
    assert run.controls(Control.CLOSED)[0]["cause"] == "silent"
    ((_, tokens, _),) = gaps(run)
    assert len(tokens) == 8
    opened, closed = of_kind(run, Control.OPENED)[0], of_kind(run, Control.CLOSED)[0]
    assert (closed.rx_mono_ns - opened.rx_mono_ns) / 1e9 < FOUND_WITHIN + 0.3


def test_half_open_line_is_found_by_its_ping(run_session: Runner) -> None:
    with embedded("half_open:after=0.3") as venue:
        run = run_session(
            scaled(venue, capture_witness_silent_seconds=3.0),
            [listed(venue)],
            lambda run: len(of_kind(run, Control.OPENED)) == 2,
        )
    assert run.controls(Control.CLOSED)[0]["cause"] == "ping_timeout"
    ((cause, tokens, _),) = gaps(run)
    assert (cause, len(tokens)) == ("closed", 8)


@pytest.mark.parametrize("rate", [0, 3])
def test_quiet_market_raises_no_alarm(run_session: Runner, rate: int) -> None:
    with embedded(markets=30, rate=rate) as venue:
        run = run_session(
            scaled(venue, ws_data_idle_reconnect_seconds=0.8), [listed(venue)], for_seconds(2.5)
        )
    assert run.controls(Control.GAP) == [], run.controls(Control.CLOSED)
    assert len(of_kind(run, Control.OPENED)) == len(run.controls(Control.SUBSCRIBED)) == 1
    witnessed = run.controls(Control.WITNESS)
    assert sum(fields["quiet"] for fields in witnessed) > 60
    assert all(fields["asked"] <= 50 and not fields["changed"] for fields in witnessed)


def test_slow_start_within_the_deadline_raises_no_alarm(run_session: Runner) -> None:
    with embedded(f"slow_start:seconds={FIRST_BOOK / 2}") as venue:
        run = run_session(scaled(venue), [listed(venue)], for_seconds(1.5))
    assert run.controls(Control.GAP) == []
    assert len(run.controls(Control.SUBSCRIBED)) == 1


def test_slow_start_beyond_the_deadline_is_asked_again_and_recovers(run_session: Runner) -> None:
    with embedded(f"slow_start:seconds={FIRST_BOOK * 1.5}", rate=0) as venue:
        run = run_session(
            scaled(venue),
            [listed(venue)],
            lambda run: bool(run.session.status()) and run.session.status()[0].tokens_with_book == 8,
        )
    assert len(run.controls(Control.SUBSCRIBED)) >= 2
    assert run.session.missing_tokens() == {}


def test_idle_connection_whose_witness_does_not_answer_reconnects(run_session: Runner) -> None:
    with embedded("books_status:status=500", rate=0) as venue:
        run = run_session(
            scaled(venue, ws_data_idle_reconnect_seconds=0.8),
            [listed(venue)],
            lambda run: len(of_kind(run, Control.OPENED)) == 2,
        )
    assert run.controls(Control.CLOSED)[0]["cause"] == "idle"
    assert "HTTP 500" in run.controls(Control.WITNESS)[0]["trouble"]


def test_tokens_beyond_the_cliff_get_connections_of_their_own(run_session: Runner) -> None:
    with embedded("cliff:tokens=12", markets=8, rate=0) as venue:
        run = run_session(
            scaled(venue, capture_first_book_seconds=0.3),
            [listed(venue)],
            lambda run: bool(run.session.status()) and run.session.status()[0].tokens_with_book == 16,
        )
    assert len(of_kind(run, Control.OPENED)) == 2
    assert run.controls(Control.GAP) == []
    assert len(run.controls(Control.HANDOVER)[0]["tokens"]) == 4


def test_connection_that_answers_nothing_is_given_up_and_not_its_tokens_one_by_one(
    run_session: Runner,
) -> None:
    """Found by one token while others had data a moment ago, then nothing answers: the connection is dead."""
    with embedded("freeze:after=0.2", markets=30, rate=60) as venue:
        run = run_session(
            scaled(venue), [listed(venue)], lambda run: len(of_kind(run, Control.OPENED)) == 2, timeout=30.0
        )
    assert run.controls(Control.CLOSED)[0]["cause"] == "silent"
    assert run.controls(Control.HANDOVER) == []


def test_every_silent_token_has_its_turn_though_answers_are_slow(run_session: Runner) -> None:
    """8 requests within 2 s are due; one after the other they would take 4 s, with 4,000 tokens minutes."""
    silent = 2.0

    def asked(run: Run) -> int:
        return sum(fields["asked"] for fields in run.controls(Control.WITNESS))

    with embedded("books_slow:seconds=0.5", markets=200, rate=0) as venue:
        markets = listed(venue)
        run = run_session(
            scaled(venue, capture_witness_silent_seconds=silent, ws_shards=2),
            [markets[:100], markets[100:]],
            lambda run: asked(run) >= 400,
        )
    verdicts = [record for record in of_kind(run, Control.WITNESS) if control_fields(record)["asked"]]
    assert all(control_fields(record)["quiet"] for record in verdicts)
    begun = max(record.rx_mono_ns for record in of_kind(run, Control.SUBSCRIBED))
    assert (verdicts[-1].rx_mono_ns - begun) / 1e9 < 2 * silent + 1.0
