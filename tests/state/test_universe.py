"""Which markets the universe records name."""

import pytest
from support.records import control

from pm_data.errors import DamageError
from pm_data.frame import Control
from pm_data.state.universe import Universe


def market(number, **more):
    return {"condition_id": f"0x{number}", "asset_ids": [f"{number}1", f"{number}2"], **more}


def record(**fields):
    return control(0, 3, 10, Control.UNIVERSE, **fields)


def test_changes_add_up():
    universe = Universe()
    universe.apply(record(markets=[market(1), market(2)], removed=[]))
    universe.apply(record(markets=[market(3), market(1, tick_size="0.001")], removed=["21", "22", "31"]))
    assert universe.listed() == [market(1, tick_size="0.001"), market(3)]
    assert list(universe.markets) == ["0x1", "0x2", "0x3"]
    universe.apply(record(markets=[market(2)], removed=["11"]))
    assert universe.listed() == [market(1, tick_size="0.001"), market(2), market(3)]
    assert list(universe.removed) == ["31", "11"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"markets": []},
        {"markets": {}, "removed": []},
        {"markets": [1], "removed": []},
        {"markets": [{"condition_id": "0x1"}], "removed": []},
        {"markets": [market(1, asset_ids=[1])], "removed": []},
        {"markets": [market(1, condition_id=None)], "removed": []},
        {"markets": [], "removed": [1]},
    ],
)
def test_what_names_no_markets_is_damage(fields):
    with pytest.raises(DamageError, match="shard 0 record 3: the universe record lists no markets"):
        Universe().apply(record(**fields))
