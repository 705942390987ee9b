import argparse
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pm_data.cli import discover
from pm_data.errors import ConfigError, UnavailableError

MARKETS: list[dict[str, Any]] = [
    {
        "conditionId": f"0x{number:064x}",
        "slug": slug,
        "question": "q?",
        "clobTokenIds": json.dumps([f"{number}1", f"{number}2"]),
        "outcomes": '["Yes", "No"]',
        "orderPriceMinTickSize": 0.001,
        "orderMinSize": 5,
        "active": True,
        "closed": False,
        "enableOrderBook": True,
        "acceptingOrders": True,
        "volumeNum": 1234567.8 - number,
    }
    for number, slug in enumerate(["first", "sec\x1b[31mond\n", "third"])
]


@pytest.fixture
def gamma_url() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"markets": MARKETS}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    discover.add_arguments(parser)
    return discover.run(parser.parse_args(argv))


def test_table_lists_markets_without_control_characters(
    gamma_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--gamma-base-url", gamma_url) == 0
    out, err = capsys.readouterr()
    header, first, second, _third = out.splitlines()
    assert header.split() == ["slug", "condition", "volume", "tick"]
    assert first.split() == ["first", "0x0000..0000", "1,234,568", "0.001"]
    assert "\x1b" not in out
    assert second.startswith("sec�[31mond�")
    assert err == ""


def test_json_prints_one_line_of_metadata_per_market(
    gamma_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--gamma-base-url", gamma_url, "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["slug"] for line in lines] == [market["slug"] for market in MARKETS]
    assert lines[0]["asset_ids"] == ["01", "02"]
    assert lines[0]["tick_size"] == "0.001"
    assert "volume" not in lines[0]


def test_limit_is_quiet_and_a_reached_cap_is_not(gamma_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--gamma-base-url", gamma_url, "--json", "--limit", "1") == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert err == ""
    assert run("--gamma-base-url", gamma_url, "--json", "--capture-max-markets", "2") == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert err == ("pm_data discover: cut at the 2 largest markets; --capture-max-markets raises the cap\n")


def test_venue_that_cannot_be_reached_is_exit_69(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pm_data.venue.backoff._BASE_SECONDS", 0.01)
    with pytest.raises(UnavailableError) as caught:
        run("--gamma-base-url", "http://127.0.0.1:1")
    assert caught.value.exit_code == 69


def test_bad_setting_is_exit_78() -> None:
    with pytest.raises(ConfigError) as caught:
        run("--gamma-base-url", "http://example.com")
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("text", ["0", "-1", "x", "٣"])
def test_bad_limit_is_a_usage_error(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("--limit", text)
    assert caught.value.code == 2
    assert "whole number" in capsys.readouterr().err
