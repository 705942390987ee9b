from dataclasses import replace

from scripted_venue import make_markets

from pm_data.venue.churn import Change, compare, implausible, spread


def test_compare_finds_what_came_what_went_and_what_is_stated_anew() -> None:
    current = make_markets(4)
    restated = replace(current[1], tick_size="0.001")
    listed = [current[0], restated, current[3], *make_markets(1, first=9)]
    assert compare(current, listed) == Change(make_markets(1, first=9), [current[2]], [restated])


def test_market_whose_legs_changed_places_stays() -> None:
    (market,) = make_markets(1)
    swapped = replace(market, asset_ids=market.asset_ids[::-1])
    assert compare([market], [swapped]) == Change(restated=[swapped])


def test_volume_alone_changes_nothing() -> None:
    current = make_markets(1)
    assert compare(current, [replace(current[0], volume=9.0)]) == Change()


def test_listing_that_lost_more_than_half_is_not_believed() -> None:
    current = make_markets(4)
    assert implausible(4, compare(current, current[2:])) is None
    assert implausible(4, compare(current, current[3:])) == (
        "the listing lacks 3 of 4 captured markets, so nothing was changed"
    )
    assert implausible(4, compare(current, [])) is not None
    assert implausible(0, compare([], current)) is None


def test_new_markets_go_where_room_is_and_then_to_new_shards() -> None:
    carried = [make_markets(2), make_markets(1, first=2)]
    new = make_markets(6, first=10)
    parts, plan = spread(Change(added=new), carried, tokens_per_shard_max=4)
    assert parts == {1: Change(added=new[:1])}
    assert sorted(len(markets) for markets in plan) == [1, 2, 2]
    assert {market for markets in plan for market in markets} == set(new[1:])


def test_room_of_removed_markets_is_used() -> None:
    carried = [make_markets(2), make_markets(2, first=2)]
    new = make_markets(1, first=10)
    change = Change(added=new, removed=[carried[1][0]], restated=[carried[0][1]])
    parts, plan = spread(change, carried, tokens_per_shard_max=4)
    assert parts == {
        0: Change(restated=[carried[0][1]]),
        1: Change(added=new, removed=[carried[1][0]]),
    }
    assert plan == []


def test_no_shards_yet() -> None:
    parts, plan = spread(Change(added=make_markets(1)), [], tokens_per_shard_max=4)
    assert (parts, plan) == ({}, [make_markets(1)])
