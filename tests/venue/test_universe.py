import gzip
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pm_data import jsonlib
from pm_data.venue.universe import Market, plan_shards

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the recorded venue data is not beside the repository"
)

LISTED: dict[str, Any] = {
    "conditionId": "0xc1",
    "slug": "a-market",
    "question": "A market?",
    "clobTokenIds": '["11", "12"]',
    "outcomes": '["Over", "Under"]',
    "orderPriceMinTickSize": 0.001,
    "orderMinSize": 5,
    "active": True,
    "closed": False,
    "archived": False,
    "enableOrderBook": True,
    "acceptingOrders": True,
    "negRisk": True,
    "feesEnabled": True,
    "feeSchedule": {"exponent": 1, "rate": 0.07, "takerOnly": True, "rebateRate": 0.2},
    "volumeNum": 12.5,
}


def listed(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in (LISTED | changes).items() if value is not ...}


def test_metadata_keeps_every_field_but_the_volume() -> None:
    market = Market.from_gamma(LISTED)
    assert market is not None
    assert market.volume == 12.5
    assert market.metadata() == {
        "condition_id": "0xc1",
        "slug": "a-market",
        "question": "A market?",
        "asset_ids": ["11", "12"],
        "outcomes": ["Over", "Under"],
        "tick_size": "0.001",
        "order_min_size": "5",
        "neg_risk": True,
        "fees_enabled": True,
        "fee_schedule": {"exponent": "1", "rate": "0.07", "takerOnly": True, "rebateRate": "0.2"},
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"active": False},
        {"active": ...},
        {"active": "true"},
        {"closed": True},
        {"closed": "false"},
        {"archived": True},
        {"enableOrderBook": False},
        {"enableOrderBook": ...},
        {"acceptingOrders": False},
        {"acceptingOrders": ...},
        {"outcomes": '["A", "B", "C"]'},
        {"outcomes": '["A"]'},
        {"outcomes": "no json"},
        {"outcomes": '{"A": "B"}'},
        {"outcomes": None},
        {"clobTokenIds": '["11", "11"]'},
        {"clobTokenIds": '["11", ""]'},
        {"clobTokenIds": '["11", 12]'},
        {"clobTokenIds": '["11", "1\\n2"]'},
        {"clobTokenIds": '["11", "1|2"]'},
        {"clobTokenIds": "[" * 100_000},
        {"clobTokenIds": ...},
        {"conditionId": ""},
        {"conditionId": None},
    ],
)
def test_what_is_no_active_binary_market_is_left_out(changes: dict[str, Any]) -> None:
    assert Market.from_gamma(listed(**changes)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"closed": ...},
        {"archived": ...},
        {"negRisk": ...},
        {"feesEnabled": ...},
        {"feeSchedule": None},
        {"slug": ...},
        {"endDate": "2020-01-01T00:00:00Z"},
        {"volumeNum": ...},
        {"volumeNum": math.inf},
        {"clobTokenIds": ["11", "12"]},
        {"question": "half a pair: \ud800"},
    ],
)
def test_flags_that_are_missing_or_odd_do_not_lose_a_market(changes: dict[str, Any]) -> None:
    market = Market.from_gamma(listed(**changes))
    assert market is not None
    jsonlib.canonical(market.metadata())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.001, "0.001"),
        ("0.001", "0.001"),
        (0.0025, "0.0025"),
        (5, "5"),
        ("1e-4", "0.0001"),
        (1e-05, "0.00001"),
        (None, ""),
        (True, ""),
        ("five", ""),
        ([5], ""),
        (math.nan, ""),
        ("1" * 1000, ""),
        ("1e-99999999", ""),
    ],
)
def test_numbers_become_exact_plain_text(value: object, text: str) -> None:
    market = Market.from_gamma(listed(orderPriceMinTickSize=value))
    assert market is not None
    assert market.tick_size == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(LISTED)), json_values), json_values)
def test_any_value_gives_a_market_or_none(changes: dict[str, Any], other: object) -> None:
    for value in (LISTED | changes, changes, other):
        market = Market.from_gamma(value)
        if market is not None:
            jsonlib.canonical(market.metadata())


def test_shards_are_even_and_stay_under_the_cap() -> None:
    plan = plan_shards(make_many(2000), 8, 250)
    assert len(plan) == 16
    assert {len(markets) for markets in plan} == {125}


@pytest.mark.parametrize(
    ("markets", "ws_shards", "tokens_max", "sizes"),
    [
        (0, 8, 250, []),
        (1, 8, 250, [1]),
        (3, 8, 250, [1, 1, 1]),
        (20, 8, 250, [3, 3, 3, 3, 2, 2, 2, 2]),
        (1001, 8, 250, [112, 112, 111, 111, 111, 111, 111, 111, 111]),
        (5, 1, 2, [1, 1, 1, 1, 1]),
        (5, 1, 5, [2, 2, 1]),
    ],
)
def test_plan(markets: int, ws_shards: int, tokens_max: int, sizes: list[int]) -> None:
    universe = make_many(markets)
    plan = plan_shards(universe, ws_shards, tokens_max)
    assert [len(shard) for shard in plan] == sizes
    assert sorted(market.slug for shard in plan for market in shard) == sorted(m.slug for m in universe)


def make_many(count: int) -> list[Market]:
    made = (
        Market.from_gamma(
            listed(conditionId=f"0x{number}", slug=f"m{number}", clobTokenIds=f'["{number}a","{number}b"]')
        )
        for number in range(count)
    )
    return [market for market in made if market is not None]


@needs_data
def test_real_pages_keep_their_exact_numbers() -> None:
    pages = sorted((DATA / "gamma_markets_20260311").glob("*.json.gz"))
    assert len(pages) == 5
    for page in pages:
        text = gzip.decompress(page.read_bytes())
        as_text = json.loads(text, parse_float=str)["markets"]
        as_float = json.loads(text)["markets"]
        for exact, loose in zip(as_text, as_float, strict=True):
            market = Market.from_gamma(exact)
            assert market is not None
            assert market == Market.from_gamma(loose)
            assert market.tick_size in ("0.01", "0.001")
            assert market.order_min_size == "5"
            assert market.asset_ids == tuple(json.loads(exact["clobTokenIds"]))


@needs_data
def test_real_universe_has_the_counts_of_its_day() -> None:
    with gzip.open(DATA / "gamma_universe_20260311.ndjson.gz") as lines:
        universe = [json.loads(line, parse_float=str) for line in lines]
    assert len(universe) == 35_955
    markets = [market for market in map(Market.from_gamma, universe) if market is not None]
    assert len(markets) == 35_901
    ticks = Counter(market.tick_size for market in markets)
    assert set(ticks) == {"0.01", "0.001"}
    assert round(100 * ticks["0.01"] / len(markets)) == 72
    assert {market.order_min_size for market in markets} == {"5"}
    assert sum(entry["negRisk"] for entry in universe) == 14_866
    assert sum(entry["feesEnabled"] for entry in universe) == 2_949
    assert len({asset_id for market in markets for asset_id in market.asset_ids}) == 2 * 35_901
