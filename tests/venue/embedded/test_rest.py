"""The REST side over real sockets: the listing, books, and requests that are wrong."""

import http.client
import json
import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from pm_data.bookhash import book_hash
from pm_data.venue.embedded.in_process import EmbeddedVenue
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.universe import Market

MARKETS = 230


@pytest.fixture(scope="module")
def venue():
    with EmbeddedVenue(VenueOptions(seed=7, markets=MARKETS, rate=0)) as running:
        yield running


def get(venue, path):
    with urllib.request.urlopen(venue.urls.gamma_base_url + path, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("application/json")
        return json.load(answer)


def refused(venue, path, data=None):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(venue.urls.gamma_base_url + path, data, timeout=10)
    with caught.value as error:
        return error.code, json.load(error)["error"]


def post_books(venue, wanted):
    request = urllib.request.Request(venue.urls.clob_base_url + "/books", json.dumps(wanted).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def raw(venue, request):
    address = urlsplit(venue.urls.gamma_base_url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def pages(venue, query):
    page = get(venue, "/markets/keyset?" + query)
    yield page["markets"]
    while "next_cursor" in page:
        page = get(venue, f"/markets/keyset?{query}&after_cursor={page['next_cursor']}")
        yield page["markets"]


@pytest.mark.parametrize(
    "order", ["", "&order=volumeNum&ascending=false", "&order=volume", "&order=slug&ascending=false"]
)
def test_paging_gives_every_market_once(venue, order):
    listed = [market for page in pages(venue, "closed=false&limit=100" + order) for market in page]
    assert len({market["id"] for market in listed}) == len(listed) == MARKETS + 3
    assert sum(Market.from_gamma(market) is not None for market in listed) == MARKETS


def test_orders_are_kept_and_volume_goes_as_text(venue):
    by_number = [
        market["volumeNum"]
        for page in pages(venue, "limit=100&order=volumeNum&ascending=false")
        for market in page
    ]
    assert by_number == sorted(by_number, reverse=True)
    by_text = [market["volume"] for page in pages(venue, "limit=100&order=volume") for market in page]
    assert by_text == sorted(by_text)
    assert by_text != sorted(by_text, key=float)


def test_the_listing_has_gammas_types(venue):
    market = get(venue, "/markets/keyset?limit=1")["markets"][0]
    for name in ("clobTokenIds", "outcomes", "outcomePrices"):
        assert isinstance(market[name], str)
        assert len(json.loads(market[name])) == 2
    assert isinstance(market["volume"], str)
    assert isinstance(market["volumeNum"], float)
    assert market["orderPriceMinTickSize"] in (0.01, 0.001)
    assert market["orderMinSize"] == 5
    everything = [market for page in pages(venue, "limit=100") for market in page]
    with_fees = [market for market in everything if market["feesEnabled"]]
    assert with_fees
    for market in with_fees:
        assert market["feeSchedule"].keys() == {"exponent", "rate", "takerOnly", "rebateRate"}


def test_a_page_holds_at_most_100(venue):
    assert len(get(venue, "/markets/keyset?limit=5000")["markets"]) == 100


def test_nothing_is_closed(venue):
    assert get(venue, "/markets/keyset?closed=true") == {"markets": []}


def test_the_wrong_cursor_name_gives_the_first_page_for_ever(venue):
    first = get(venue, "/markets/keyset?limit=10")
    assert get(venue, f"/markets/keyset?limit=10&cursor={first['next_cursor']}") == first


@pytest.mark.parametrize(
    "query",
    [
        "offset=100",
        "limit=0",
        "limit=-1",
        "limit=x",
        "closed=maybe",
        "order=nothing",
        "after_cursor=%7B",
        "after_cursor=%C3%A9",
        "after_cursor=WyJhIiwxXQ==",
        "after_cursor=WzFd",
    ],
)
def test_a_bad_listing_query_is_400(venue, query):
    assert refused(venue, "/markets/keyset?" + query)[0] == 400


def token_ids(venue, count):
    listed = get(venue, f"/markets/keyset?limit={count}")["markets"]
    return [asset_id for market in listed for asset_id in json.loads(market["clobTokenIds"])]


def test_books_verify_and_unknown_ids_are_left_out(venue):
    wanted = token_ids(venue, 20)
    books = post_books(venue, [{"token_id": asset_id} for asset_id in [*wanted, "1", wanted[0]]])
    assert [book["asset_id"] for book in books] == [*wanted, wanted[0]]
    for book in books:
        sides = [[(level["price"], level["size"]) for level in book[side]] for side in ("bids", "asks")]
        assert book["hash"] == book_hash(
            book["market"],
            book["asset_id"],
            book["timestamp"],
            *sides,
            book["min_order_size"],
            book["tick_size"],
            book["neg_risk"],
            book["last_trade_price"],
        )


def test_one_book_tick_and_neg_risk(venue):
    market = get(venue, "/markets/keyset?limit=1")["markets"][0]
    asset_id = json.loads(market["clobTokenIds"])[1]
    book = get(venue, f"/book?token_id={asset_id}")
    assert post_books(venue, [{"token_id": asset_id}]) == [book]
    tick = get(venue, f"/tick-size?token_id={asset_id}")
    assert tick == {"minimum_tick_size": market["orderPriceMinTickSize"]}
    assert get(venue, f"/neg-risk?token_id={asset_id}") == {"neg_risk": market["negRisk"]}


def test_time_is_whole_seconds(venue):
    assert isinstance(get(venue, "/time"), int)


@pytest.mark.parametrize("path", ["/book", "/tick-size", "/neg-risk"])
def test_an_unknown_token_is_404_and_none_400(venue, path):
    assert refused(venue, path + "?token_id=12") == (
        404,
        "No orderbook exists for the requested token id",
    )
    assert refused(venue, path)[0] == 400


@pytest.mark.parametrize("path", ["/", "/markets", "/ws/market", "/ws/", "/%2e%2e/book"])
def test_other_paths_are_404(venue, path):
    assert refused(venue, path)[0] == 404


def test_wrong_methods_are_405(venue):
    assert refused(venue, "/book?token_id=1", b"")[0] == 405
    assert refused(venue, "/books")[0] == 405


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}",
        b'["1"]',
        b'[{"token_id":1}]',
        b"\xff",
        json.dumps([{"token_id": "1"}] * 501).encode(),
    ],
)
def test_a_bad_books_body_is_400(venue, body):
    assert refused(venue, "/books", body)[0] == 400


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /time\r\n\r\n", 400),
        (b"GET /time HTTP/2\r\n\r\n", 400),
        (b"GET http://x/time HTTP/1.1\r\n\r\n", 400),
        (b"GET //[/time HTTP/1.1\r\n\r\n", 400),
        (b"GET /time HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /time HTTP/1.1\r\n spaced: x\r\n\r\n", 400),
        (b"GET /t\xffme HTTP/1.1\r\n\r\n", 400),
        (b"POST /books HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /books HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET /time?" + b"a&" * 200 + b" HTTP/1.1\r\n\r\n", 400),
        (b"POST /books HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"GET /" + b"a" * 20_000, 431),
        (b"GET /ws/ HTTP/1.1\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n", 404),
        (b"GET /ws/market HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", 426),
    ],
)
def test_malformed_requests_are_answered_and_hung_up(venue, request_bytes, status):
    answer = raw(venue, request_bytes)
    assert answer.startswith(b"HTTP/1.1 %d " % status)


def test_a_connection_serves_many_requests(venue):
    address = urlsplit(venue.urls.gamma_base_url)
    client = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    try:
        for _ in range(3):
            client.request("GET", "/time")
            assert client.getresponse().read().isdigit()
    finally:
        client.close()


def test_pipelined_and_split_requests_are_answered_in_order(venue):
    asset_id = token_ids(venue, 1)[0]
    body = json.dumps([{"token_id": asset_id}]).encode()
    one = b"POST /books HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    last = b"GET /time HTTP/1.1\r\nConnection: close\r\n\r\n"
    address = urlsplit(venue.urls.gamma_base_url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        everything = one + one + last
        for start in range(0, len(everything), 50):
            connection.sendall(everything[start : start + 50])
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(asset_id.encode()) == 2
