"""The listing client against a scripted server: paging, bounds, retries."""

import gzip
import json
import time
from collections.abc import Callable

import pytest
from scripted_gamma import Request, ScriptedGamma, listed

from pm_data.errors import UnavailableError
from pm_data.venue import http
from pm_data.venue.gamma import GammaClient, Listing


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pm_data.venue.backoff._BASE_SECONDS", 0.01)


def list_markets(script: Callable[[Request], None], limit: int = 1000) -> tuple[Listing, ScriptedGamma]:
    with ScriptedGamma(script) as gamma:
        client = GammaClient(gamma.url)
        try:
            return client.active_markets(limit), gamma
        finally:
            client.close()


def list_error(script: Callable[[Request], None], limit: int = 1000) -> tuple[str, ScriptedGamma]:
    with ScriptedGamma(script) as gamma:
        client = GammaClient(gamma.url)
        try:
            with pytest.raises(UnavailableError) as caught:
                client.active_markets(limit)
        finally:
            client.close()
        text = str(caught.value)
        assert "\n" not in text
        return text, gamma


def pages(*page_list: list[dict]) -> Callable[[Request], None]:
    def script(request: Request) -> None:
        at = int(request.query.get("after_cursor", "0"))
        request.answer_page(page_list[at], str(at + 1) if at + 1 < len(page_list) else None)

    return script


def test_pages_are_followed_by_after_cursor_to_the_end() -> None:
    listing, gamma = list_markets(pages([listed(0), listed(1)], [listed(2)], [listed(3)]))
    assert [market.slug for market in listing.markets] == [f"market-{number}" for number in range(4)]
    assert not listing.capped
    first, second, _ = gamma.requests
    assert first.path == "/markets/keyset"
    assert first.query == {
        "closed": "false",
        "limit": "100",
        "order": "volumeNum",
        "ascending": "false",
    }
    assert second.query["after_cursor"] == "1"
    assert first.headers["User-Agent"].startswith("pm_data/")
    assert gamma.connections == 1


def test_ticks_and_fees_are_the_text_that_was_printed() -> None:
    market = json.dumps(listed(0, feeSchedule={"rate": 0.07, "exponent": 1}))
    body = '{"markets":[' + market.replace("0.001", "0.00100") + "]}"
    listing, _ = list_markets(lambda request: request.answer(body.encode()))
    assert listing.markets[0].tick_size == "0.00100"
    assert listing.markets[0].fee_schedule == {"rate": "0.07", "exponent": "1"}


def test_what_is_not_active_or_was_listed_before_is_left_out() -> None:
    listing, _ = list_markets(
        pages([listed(0), listed(1, closed=True), "junk", None], [listed(0), listed(2)])
    )
    assert [market.slug for market in listing.markets] == ["market-0", "market-2"]


@pytest.mark.parametrize(
    ("limit", "capped", "asked"), [(3, True, 2), (2, True, 1), (4, False, 2), (9, False, 2)]
)
def test_listing_stops_at_the_limit_and_says_so(limit: int, capped: bool, asked: int) -> None:
    listing, gamma = list_markets(pages([listed(0), listed(1)], [listed(2), listed(3)]), limit)
    assert len(listing.markets) == min(limit, 4)
    assert listing.capped is capped
    assert len(gamma.requests) == asked


def test_empty_listing() -> None:
    listing, _ = list_markets(pages([]))
    assert listing == Listing([], capped=False)


def test_same_cursor_again_is_an_error() -> None:
    number = iter(range(1000))
    text, gamma = list_error(lambda request: request.answer_page([listed(next(number))], "7"))
    assert text == "Gamma sent the same cursor twice"
    assert len(gamma.requests) == 2


def test_same_page_again_is_an_error() -> None:
    text, gamma = list_error(lambda request: request.answer_page([listed(0), listed(1)], str(request.number)))
    assert text == "Gamma sent the same page of markets twice"
    assert len(gamma.requests) == 2


def test_endless_listing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pm_data.venue.gamma._PAGES_MAX", 5)
    text, gamma = list_error(lambda request: request.answer_page([], str(request.number)))
    assert text == "Gamma's listing did not end within 5 pages"
    assert len(gamma.requests) == 5


@pytest.mark.parametrize("body", [b"[]", b'{"markets":{}}', b"null", b'{"markets":[],"next_cursor":7}'])
def test_answer_of_another_shape_is_an_error(body: bytes) -> None:
    text, gamma = list_error(lambda request: request.answer(body))
    assert text.startswith("Gamma's ")
    assert len(gamma.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_trouble_is_tried_again(status: int) -> None:
    def script(request: Request) -> None:
        if request.number < 2:
            request.answer(b"{}", status)
        else:
            request.answer_page([listed(0)])

    listing, _ = list_markets(script)
    assert len(listing.markets) == 1


def test_lasting_trouble_is_said_after_five_tries() -> None:
    text, gamma = list_error(lambda request: request.answer(b"", 503))
    assert text == f"{gamma.url}: HTTP 503 (5 tries)"
    assert len(gamma.requests) == 5


@pytest.mark.parametrize("status", [302, 403, 404])
def test_refusal_is_not_tried_again(status: int) -> None:
    text, gamma = list_error(lambda request: request.answer(b"", status, Location="http://127.0.0.1:9/"))
    assert text == f"{gamma.url}: HTTP {status}"
    assert len(gamma.requests) == 1


def test_retry_after_is_obeyed() -> None:
    times = []

    def script(request: Request) -> None:
        times.append(time.monotonic())
        if request.number == 0:
            request.answer(b"", 429, Retry_After="1")
        else:
            request.answer_page([listed(0)])

    list_markets(script)
    assert times[1] - times[0] >= 1


def test_retry_after_past_the_time_limit_is_said_at_once() -> None:
    started = time.monotonic()
    text, gamma = list_error(lambda request: request.answer(b"", 429, Retry_After="3600"))
    assert text == f"{gamma.url}: HTTP 429; no time left to wait 3600.0 s"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("asked", ["soon", "-5", "9" * 5000, "Fri, 31 Dec 99999 23:59:59 GMT"])
def test_odd_retry_after_is_passed_over(asked: str) -> None:
    text, _ = list_error(lambda request: request.answer(b"", 503, Retry_After=asked))
    assert "(5 tries)" in text


def test_body_that_breaks_off_is_tried_again() -> None:
    def script(request: Request) -> None:
        if request.number == 0:
            request.start(Content_Length="1000")
            request.send(b'{"markets":[')
            request.hang_up()
        elif request.number == 1:
            request.start(Transfer_Encoding="chunked")
            request.send(b'5\r\n{"mar\r\n')
            request.hang_up()
        elif request.number == 2:
            request.start(Connection="close")
            request.send(b'{"markets":[')
            request.hang_up()
        else:
            request.answer_page([listed(0)])

    listing, gamma = list_markets(script)
    assert len(listing.markets) == 1
    assert len(gamma.requests) == 4


def test_compressed_and_chunked_bodies_are_read() -> None:
    body = gzip.compress(json.dumps({"markets": [listed(number) for number in range(500)]}).encode())

    def script(request: Request) -> None:
        assert request.headers["Accept-Encoding"] == "gzip"
        request.start(Content_Encoding="gzip", Transfer_Encoding="chunked")
        for at in range(0, len(body), 1000):
            part = body[at : at + 1000]
            request.send(b"%x\r\n" % len(part) + part + b"\r\n")
        request.send(b"0\r\n\r\n")

    listing, _ = list_markets(script)
    assert len(listing.markets) == 500


def test_answer_over_the_byte_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_BODY_BYTES_MAX", 100_000)
    bomb = gzip.compress(b'{"markets":[]' + b" " * 50_000_000)
    text, gamma = list_error(lambda request: request.answer(bomb, Content_Encoding="gzip"))
    assert text == f"{gamma.url}: the answer is over 100000 bytes"
    assert len(gamma.requests) == 1


def test_body_that_drips_ends_at_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pm_data.venue.gamma._LISTING_SECONDS", 0.5)

    def script(request: Request) -> None:
        request.start(Content_Length="1000000")
        for _ in range(200):
            request.send(b" ")
            time.sleep(0.02)

    started = time.monotonic()
    text, gamma = list_error(script)
    assert text == f"{gamma.url}: the answer did not end in time"
    assert time.monotonic() - started < 5


def test_server_that_answers_nothing_is_no_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_READ_SECONDS", 0.1)
    text, gamma = list_error(lambda request: time.sleep(0.5))
    assert text == f"{gamma.url}: no answer in time (5 tries)"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"<html>", b'{"markets":[NaN]}', b"\xff", b"[" * 100_000, b"1" * 5000]
)
def test_no_json_is_said(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.setattr(http, "_TRIES", 2)
    text, gamma = list_error(lambda request: request.answer(body))
    assert text == f"{gamma.url}: the answer is no JSON (2 tries)"


def test_nobody_listening_is_one_line() -> None:
    with ScriptedGamma(lambda request: None) as gamma:
        url = gamma.url
    client = GammaClient(url.replace("http://", "http://me:secret@"))
    with pytest.raises(UnavailableError) as caught:
        client.active_markets(1)
    assert str(caught.value) == f"{url}: cannot connect: Connection refused (5 tries)"


def test_certificate_of_an_unknown_authority_is_refused_at_once() -> None:
    from scripted_venue import ScriptedVenue

    with ScriptedVenue(lambda peer: None, tls=True) as venue:
        client = GammaClient(f"https://localhost:{venue.port}")
        with pytest.raises(UnavailableError, match=r"TLS refused: .*certificate verify failed"):
            client.active_markets(1)
        client.close()
    assert venue.peers == []
