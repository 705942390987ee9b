"""Carried records: what a stranger's may hold, and what it may not."""

import json
import random

import pytest
from support.frames import A, book, change, trade
from support.records import control

from pm_data.errors import DamageError
from pm_data.frame import Control, control_fields
from pm_data.runtime.eventstream import EventStream
from pm_data.state.carried import carried_payload, carried_state

SEED = 20261123
STRANGE = [None, True, -1, 0, 1, 1_000_001, 2**63, 0.5, "", "live", "0x1", [], [[]], [[1]], {}, [None, None]]
STRANGE += [[[1, 1], [1, 1]], [[2, 1], [1, 1]], [[1, 1], [2, 1]], [[1, 0]], [[1, 9 * 10**15 + 1]], [["1", 1]]]


@pytest.fixture
def fields(core):
    """A suspect token's record, every field of it set."""
    store = core.store.StateStore()
    store.frame(book(tick_size="0.01", last_trade_price="0.45"), 1, 1, 0)
    store.frame(trade(), 1, 2, 1)
    store.gap([A], 3, 2)
    store.frame(change((A, "BUY", "0.41", "1")), 1, 4, 3)
    found = json.loads(carried_payload(store.market(A)))
    assert all(value is not None for value in found.values())
    return found


def apply(core, fields):
    EventStream(core).process(control(0, 1, 10, Control.CARRIED, 1, **fields))


def test_every_field_is_needed(core, fields):
    apply(core, fields)
    for name in fields:
        with pytest.raises(DamageError, match="shard 0 record 1: the carried record holds no token's state"):
            apply(core, {key: value for key, value in fields.items() if key != name})


def test_a_key_of_a_later_program_is_ignored(core, fields):
    apply(core, fields | {"new": 1})


def test_strange_values_are_refused_or_can_be_lived_with(core, fields):
    """Whatever is let through must be a state from which both cores go on."""
    generator = random.Random(SEED)
    refused = 0
    for _ in range(3_000):
        strange = dict(fields)
        for name in generator.sample(sorted(fields), generator.randint(1, 3)):
            strange[name] = generator.choice(STRANGE)
        record = control(0, 1, 10, Control.CARRIED, 1, **strange)
        stream = EventStream(core)
        try:
            assert stream.process(record) == []
        except DamageError:
            refused += 1
            continue
        asset_id, state = carried_state(record)
        market = stream.store.market(asset_id)
        assert (market.status, market.bids(), market.asks()) == (state.status, state.bids, state.asks)
        assert control_fields(record) == control_fields(record._replace(payload=carried_payload(market)))
        for frame in (change((A, "SELL", "0.44", "1")), trade(), book()):
            stream.process(record._replace(kind=1, control=0, payload=frame))
    assert refused > 2_000


def test_no_json_is_damage(core):
    record = control(0, 1, 10, Control.CARRIED, 1)._replace(payload=b"[")
    with pytest.raises(DamageError):
        EventStream(core).process(record)
