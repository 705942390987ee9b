"""A file of markets: every form that people have, and what is none of them."""

import gzip
import json

import pytest

from pm_data.bundle.opening import open_bundle
from pm_data.capture.offline import capture_offline
from pm_data.capture.universe_file import read_universe
from pm_data.config import resolve
from pm_data.errors import UsageError
from pm_data.frame import Control, control_fields

GAMMA = {
    "conditionId": "0xabc",
    "slug": "a-market",
    "clobTokenIds": '["111", "222"]',
    "outcomes": '["Yes", "No"]',
    "orderPriceMinTickSize": 0.001,
    "orderMinSize": 5,
    "negRisk": True,
    "closed": True,
}
METADATA = {
    "condition_id": "0xabc",
    "slug": "a-market",
    "question": "",
    "asset_ids": ["111", "222"],
    "outcomes": ["Yes", "No"],
    "tick_size": "0.001",
    "order_min_size": "5",
    "neg_risk": True,
    "fees_enabled": False,
    "fee_schedule": None,
}
OTHER = GAMMA | {"conditionId": "0xdef", "clobTokenIds": ["3", "4"]}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GAMMA),
        json.dumps(METADATA),
        json.dumps(METADATA) + "\n",
        json.dumps([METADATA, GAMMA]),
        json.dumps({"markets": [GAMMA, {"id": 1}, 7]}),
        json.dumps(GAMMA) + "\n\n" + json.dumps(METADATA) + "\r\n",
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_gives_the_metadata(tmp_path, text, packed):
    path = tmp_path / ("a.json.gz" if packed else "a.json")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert read_universe(path) == [METADATA]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "lists no binary market"),
        ("[]", "lists no binary market"),
        (json.dumps(GAMMA | {"outcomes": ["one"]}), "lists no binary market"),
        (json.dumps(GAMMA) + "\n{", "line 2: "),
        ("null\nNaN", "line 2: NaN is not JSON"),
    ],
)
def test_what_is_no_universe_is_refused_in_one_line(tmp_path, text, expected):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UsageError) as raised:
        read_universe(path)
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "bad.gz").write_bytes(b"x")
    for name in ("none.json", "bad.gz"):
        with pytest.raises(UsageError, match="cannot read"):
            read_universe(tmp_path / name)


def test_every_shard_opens_with_the_markets(tmp_path):
    fixtures = tmp_path / "fixtures"
    fixtures.mkdir()
    for name in ("a.ndjson", "b.ndjson"):
        (fixtures / name).write_text("PONG\n")
    universe = tmp_path / "markets.ndjson"
    universe.write_text(f"{json.dumps(GAMMA)}\n{json.dumps(OTHER)}\n")
    capture_offline(resolve({"data_dir": str(tmp_path / "data")}, {}), fixtures, "made", universe)
    bundle = open_bundle(tmp_path / "data" / "runs" / "made")
    opening = [record for record in bundle.records(pytest.fail) if record.control == Control.UNIVERSE]
    markets = [METADATA, METADATA | {"condition_id": "0xdef", "asset_ids": ["3", "4"]}]
    assert [control_fields(record)["markets"] for record in opening] == [markets, markets]
    assert bundle.manifest.markets == markets


def test_the_recorded_universe_is_read(shared_data):
    assert len(read_universe(shared_data / "gamma_universe_20260311.ndjson.gz")) > 35_000
    for path in sorted((shared_data / "gamma_markets_20260311").glob("*.gz")):
        assert read_universe(path)
