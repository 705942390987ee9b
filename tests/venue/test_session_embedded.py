"""Sessions against the embedded venue: discovery, plan, capture, and byte-identity per connection."""

from dataclasses import replace

from scripted_venue import Runner, quick_config

from pm_data.frame import Control, Kind
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.gamma import GammaClient
from pm_data.venue.universe import plan_shards


def test_whole_universe_is_captured_byte_for_byte(run_session: Runner) -> None:
    with EmbeddedVenue(VenueOptions(seed=3, markets=150, rate=400, keep_sent=True)) as venue:
        client = GammaClient(venue.urls.gamma_base_url)
        listing = client.active_markets(2000)
        client.close()
        assert len(listing.markets) == 150
        assert not listing.capped
        config = quick_config(venue.urls.clob_ws_url, ws_tokens_per_shard_max=50)
        plan = plan_shards(listing.markets, config.ws_shards, config.ws_tokens_per_shard_max)
        assert len(plan) == 8
        run = run_session(
            config,
            plan,
            lambda run: (
                len(run.frames()) > 500
                and all(status.tokens_with_book == status.tokens for status in run.session.status())
            ),
        )
        sent = {number: venue.sent(number) for number in range(1, venue.connections + 1)}
    assert run.stop_seconds < 2
    assert run.controls(Control.GAP) == []
    assert len(run.controls(Control.END)) == 8
    by_conn: dict[int, list[bytes]] = {}
    for record in run.records:
        if record.kind != Kind.CONTROL:
            by_conn.setdefault(record.conn, []).append(record.payload)
    # The venue counts connections as it accepts them, we as they open: match them by what they brought.
    unmatched = list(sent.values())
    for payloads in by_conn.values():
        (match,) = (candidate for candidate in unmatched if candidate[: len(payloads)] == payloads)
        unmatched.remove(match)
    assert len(by_conn) == 8
    for shard in run.log.shards:
        account = run.log.account(shard)
        assert account.dropped_frames == account.queued_frames == 0
    assert sum(run.log.account(shard).received_frames for shard in run.log.shards) == sum(
        len(payloads) for payloads in by_conn.values()
    )


def test_universe_is_refreshed_from_the_venue(run_session: Runner) -> None:
    with EmbeddedVenue(VenueOptions(seed=4, markets=20, rate=100)) as venue:
        client = GammaClient(venue.urls.gamma_base_url)
        markets = client.active_markets(2000).markets
        config = replace(
            quick_config(venue.urls.clob_ws_url),
            capture_universe_refresh_enable=True,
            capture_universe_refresh_interval_seconds=0.1,
        )
        run = run_session(
            config,
            plan_shards(markets[:15], 2, 250),
            lambda run: (
                sum(status.tokens_with_book for status in run.session.status()) >= 2 * len(markets) - 2
            ),
            lambda: client.active_markets(2000).markets,
        )
        client.close()
    (first, *_) = [fields for name, fields in run.events if name == "universe_refresh"]
    assert first["ok"]
    assert first["added"] >= 4
    assert run.controls(Control.GAP) == []
