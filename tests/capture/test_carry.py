"""The opening of the next bundle: books made before the cut, and what is left out."""

import json
import random

from support.records import control
from support.scenario import Scenario

from pm_data.capture.carry import Carry
from pm_data.frame import Control, Kind, control_fields

SEED = 20261126
CUT = (10**18, 2 * 10**18)


def test_books_made_before_the_cut_are_those_at_the_cut():
    records = Scenario(SEED).make(400)
    numbers = random.Random(SEED)
    carry, unasked = Carry(), Carry()
    made = 0
    for start in range(0, 400, 40):
        part = records[start : start + 40]
        asked = numbers.randrange(40)
        carry.follow(part[:asked])
        carry.ask()
        assert not carry.is_ready.is_set()
        carry.work(0.0)
        carry.follow(part[asked:])
        if start % 80:
            while not carry.is_ready.is_set():
                carry.work(0.0)
                made += 1
        unasked.follow(part)
        assert list(carry.opening(*CUT)) == list(unasked.opening(*CUT))
    assert made > 10


def market(number):
    return {"condition_id": f"0x{number}", "asset_ids": [f"{number}1", f"{number}2"]}


def universe(seq, shard=0, markets=(), removed=()):
    return control(shard, seq, 100 + seq, Control.UNIVERSE, markets=list(markets), removed=list(removed))


def told_of(records):
    """Return every token that an opening names, in whatever way."""
    tokens = set()
    for record in records:
        if record.kind != Kind.CONTROL:
            tokens.add(json.loads(record.payload)["asset_id"])
            continue
        fields = control_fields(record)
        tokens.update(fields.get("removed", ()), fields.get("tokens", ()))
        tokens.update(asset_id for each in fields.get("markets", ()) for asset_id in each["asset_ids"])
        tokens.update([fields["asset_id"]] if record.control == Control.CARRIED else ())
    return tokens


def test_what_left_before_the_cut_before_is_left_out():
    carry = Carry()
    subscribed = control(0, 1, 101, Control.SUBSCRIBED, 1, tokens=["11", "12", "21", "22"], reason="initial")
    carry.follow([universe(0, markets=[market(1), market(2)]), subscribed])
    carry.follow([control(0, 2, 102, Control.UNSUBSCRIBED, 1, tokens=["11", "12"], reason="refresh")])
    carry.follow([universe(3, removed=["11", "12"])])
    assert told_of(carry.opening(*CUT)) == {"11", "12", "21", "22"}
    assert told_of(carry.opening(*CUT)) == {"21", "22"}
    carry.follow([universe(4, markets=[market(1)])])
    assert told_of(carry.opening(*CUT)) == {"11", "12", "21", "22"}


def test_what_moved_to_another_shard_is_not_left_out():
    carry = Carry()
    carry.follow([universe(0, markets=[market(1)]), universe(1, removed=["11", "12"])])
    carry.follow([universe(0, shard=1, markets=[market(1)])])
    for _ in range(3):
        assert told_of(carry.opening(*CUT)) == {"11", "12"}


def test_what_a_connection_owns_is_not_left_out():
    carry = Carry()
    carry.follow([universe(0, markets=[market(1)]), universe(1, removed=["11", "12"])])
    carry.follow([control(0, 2, 102, Control.SUBSCRIBED, 1, tokens=["11"], reason="initial")])
    for _ in range(3):
        told = told_of(carry.opening(*CUT))
    assert told == {"11", "12"}
