"""gamma_faults: every misbehaviour of the market listing, and what the client makes of it."""

import time

import pytest

from pm_data.errors import UnavailableError
from pm_data.venue.embedded.faults import parse_fault
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.gamma import GammaClient

MARKETS = 120
"""More than a page."""

WHOLE = "the whole listing"

TABLE = {
    **{f"gamma_status:status={status}": WHOLE for status in (408, 425, 429, 500, 502, 503, 504)},
    "gamma_status:status=429,retry_after=1": WHOLE,
    "gamma_status:status=429,skip=1": WHOLE,
    "gamma_status:status=429,times=0": "HTTP 429 (5 tries)",
    **{f"gamma_status:status={status}": f"HTTP {status}" for status in (400, 403, 404)},
    "gamma_partial": WHOLE,
    "gamma_partial:skip=1": WHOLE,
    "gamma_partial:times=0": "the answer broke off",
    **{f"gamma_body:kind={kind}": WHOLE for kind in ("html", "empty", "nan", "deep", "utf8")},
    **{
        f"gamma_body:kind={kind}": "Gamma's answer is no page of markets"
        for kind in ("list", "null", "number", "no_markets")
    },
    "gamma_body:kind=cursor": "Gamma's next_cursor is no text",
    "gamma_repeat_page": "Gamma sent the same page of markets twice",
    "gamma_repeat_cursor": "Gamma sent the same",
    "gamma_huge": "the answer is over 33554432 bytes",
    "gamma_slow:seconds=0.3": WHOLE,
}


def test_the_table_has_its_twenty_five_cases() -> None:
    assert len(TABLE) >= 25


@pytest.mark.parametrize("fault", TABLE)
def test_gamma_faults(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr("pm_data.venue.backoff._BASE_SECONDS", 0.01)
    options = VenueOptions(seed=8, markets=MARKETS, rate=0, faults=(parse_fault(fault),))
    started = time.monotonic()
    with EmbeddedVenue(options) as venue:
        client = GammaClient(venue.urls.gamma_base_url)
        try:
            if TABLE[fault] is WHOLE:
                assert len(client.active_markets(2000).markets) == MARKETS
            else:
                with pytest.raises(UnavailableError) as caught:
                    client.active_markets(2000)
                assert TABLE[fault] in str(caught.value)
                assert "\n" not in str(caught.value)
        finally:
            client.close()
    elapsed = time.monotonic() - started
    assert elapsed < 10
    if "retry_after" in fault:
        assert elapsed >= 1


def test_several_faults_at_once() -> None:
    faults = ("gamma_status:status=500", "gamma_partial:skip=1", "gamma_slow:seconds=0.1,times=3")
    options = VenueOptions(seed=8, markets=MARKETS, rate=0, faults=tuple(map(parse_fault, faults)))
    with EmbeddedVenue(options) as venue:
        client = GammaClient(venue.urls.gamma_base_url)
        assert len(client.active_markets(2000).markets) == MARKETS
        client.close()
