"""The records at a cut: a replay from there goes on as one from the start would."""

import pytest
from support.scenario import Scenario
from support.state import FIELDS

from pm_data.bundle.format import encode_record
from pm_data.frame import FLAG_MARKED, Control
from pm_data.runtime.eventstream import EventStream
from pm_data.state.opening import opening_records
from pm_data.state.run_state import RunState

SEEDS = range(20261123, 20261127)
RECORDS = 260


def unnumbered(events):
    """Return events as plain data without `seq`, their last field."""
    return [(event.kind, *tuple(event)[:-1]) for event in events]


def known(store):
    """Return what is known of each token of which anything is, as it matters for the future."""
    tokens = {}
    for asset_id in store.asset_ids():
        market = store.market(asset_id)
        values = {name: getattr(market, name) for name in FIELDS if name not in ("sequence", "ts_recv")}
        bare = market.status == "new" and market.tick_size_e6 is None and market.last_trade_price_e6 is None
        if bare:
            values["market"] = values["ts_event"] = None
        if not bare or market.connection:
            tokens[asset_id] = (values, market.bids(), market.asks())
    return tokens


def live_tops(store):
    """Return (asset id, the top's four values) of each live token whose book is not empty."""
    for market in map(store.market, store.asset_ids()):
        top = (market.bid_px_e6, market.bid_sz_e6, market.ask_px_e6, market.ask_sz_e6)
        if market.status == "live" and top != (None,) * 4:
            yield market.market_id, *top


@pytest.mark.parametrize("seed", SEEDS)
def test_a_replay_from_any_cut_goes_on_as_one_from_the_start(core, seed):
    records = Scenario(seed).make(RECORDS)
    whole = EventStream(core)
    state = RunState(core)
    openings = []
    events_after = [unnumbered(whole.process(record)) for record in records]
    for cut, first in enumerate(records):
        opening = list(opening_records(state, first.rx_mono_ns, first.rx_wall_ns_utc))
        replay = EventStream(core)
        opening_events = [event for record in opening for event in replay.process(record)]
        assert known(replay.store) == known(state.store), (seed, cut)
        assert sorted(tuple(event)[:5] for event in opening_events) == sorted(live_tops(state.store))
        assert {event.kind for event in opening_events} <= {"top_of_book"}
        found = [unnumbered(replay.process(record)) for record in records[cut:]]
        assert found == events_after[cut:], (seed, cut)
        openings.append(opening)
        state.apply(first)
    for opening, first in zip(openings, records, strict=True):
        stamps = [record.rx_mono_ns for record in opening]
        assert stamps == list(range(first.rx_mono_ns - len(opening), first.rx_mono_ns))
        for shard in {record.shard for record in opening}:
            own = [record for record in opening if record.shard == shard]
            assert [record.seq for record in own] == list(range(len(own)))
            assert own[0].control == Control.UNIVERSE
        assert all(record.flags & FLAG_MARKED for record in opening)


def test_the_runs_hold_every_state_that_a_token_can_be_in():
    """Else the test above would show less than it says."""
    seen = set()
    for seed in SEEDS:
        state = RunState()
        for record in Scenario(seed).make(RECORDS):
            state.apply(record)
            for market in map(state.store.market, state.store.asset_ids()):
                seen.add((market.status, market.cause, market.connection > 0))
    statuses = [("new", ""), ("live", ""), ("suspect", "gap")]
    statuses += [("resolved", payout) for payout in ("0", "1", "unknown")]
    assert seen == {(*status, owned) for status in statuses for owned in (False, True)}


def test_both_cores_write_the_same_bytes(both_cores):
    records = Scenario(SEEDS[0]).make(RECORDS)
    states = [RunState(core) for core in both_cores]
    for cut, first in enumerate(records):
        if cut % 20 == 0:
            pure, compiled = (
                [
                    encode_record(record)
                    for record in opening_records(state, first.rx_mono_ns, first.rx_wall_ns_utc)
                ]
                for state in states
            )
            assert pure == compiled
        for state in states:
            state.apply(first)
