import json

from pm_data.venue import messages

IDS = [str(number) for number in range(250)]


def test_first_frame_is_of_type_market_with_at_most_100_ids() -> None:
    frames = [json.loads(frame) for frame in messages.subscription(IDS)]
    assert frames[0] == {
        "assets_ids": IDS[:100],
        "type": "market",
        "custom_feature_enabled": True,
        "initial_dump": True,
        "level": 2,
    }
    assert frames[1:] == [
        {"assets_ids": IDS[100:200], "operation": "subscribe", "custom_feature_enabled": True},
        {"assets_ids": IDS[200:], "operation": "subscribe", "custom_feature_enabled": True},
    ]


def test_one_frame_when_100_ids_suffice() -> None:
    assert len(messages.subscription(IDS[:100])) == 1


def test_operations_come_in_frames_of_100() -> None:
    frames = [json.loads(frame) for frame in messages.unsubscribe(IDS)]
    assert [frame["operation"] for frame in frames] == ["unsubscribe"] * 3
    assert [asset_id for frame in frames for asset_id in frame["assets_ids"]] == IDS
    assert messages.subscribe([]) == []
