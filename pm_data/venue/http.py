"""JSON over HTTP with bounds on everything: tries, time, bytes (rule W6)."""

import json
import random
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

import urllib3
from urllib3.exceptions import (
    HTTPError,
    InvalidHeader,
    NameResolutionError,
    NewConnectionError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as HttpTimeoutError

from pm_data import __version__, jsonlib
from pm_data.errors import UnavailableError
from pm_data.venue.backoff import Backoff
from pm_data.venue.urls import without_credentials

USER_AGENT = f"pm_data/{__version__}"

_TRIES = 5
_BODY_BYTES_MAX = 32 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 15.0
_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Trouble(Exception):
    """One try failed in a way that may pass."""

    def __init__(self, text: str, wait_seconds: float | None = None) -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds


class HttpClient:
    """Asks one server for JSON.

    Numbers with a fraction or exponent come back as text, exactly as they were printed.

    Args:
        tries: how often a request is tried whose trouble may pass; None for the usual number.
        timeout_seconds: most time without a byte of the answer; None for the usual.
        at_once: how many threads may ask at the same time.
    """

    def __init__(
        self,
        base_url: str,
        *,
        tries: int | None = None,
        timeout_seconds: float | None = None,
        at_once: int = 1,
    ) -> None:
        self._base_url = base_url
        self._tries = tries or _TRIES
        read_seconds = timeout_seconds or _READ_SECONDS
        self._shown_url = without_credentials(base_url)
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=at_once,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"},
            timeout=urllib3.Timeout(connect=min(_CONNECT_SECONDS, read_seconds), read=read_seconds),
            ssl_context=ssl.create_default_context(),
        )

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.clear()

    def get(self, path: str, query: Sequence[tuple[str, str]], deadline: float) -> Any:
        """Return the JSON of one GET, tried again where the trouble may pass; a Retry-After is obeyed.

        Args:
            deadline: `time.monotonic()` past which no try begins and no body is read further.

        Raises:
            UnavailableError: no answer that can be used; one line that names server and trouble.
        """
        return self._ask(lambda: self._request("GET", path, fields=list(query)), deadline)

    def post(self, path: str, value: Any, deadline: float) -> Any:
        """Return the JSON of one POST of JSON, as `get` does."""
        body = jsonlib.dumps(value).encode("utf-8")
        headers = {**self._pool.headers, "Content-Type": "application/json"}
        return self._ask(lambda: self._request("POST", path, body=body, headers=headers), deadline)

    def _ask(self, request: Callable[[], urllib3.BaseHTTPResponse], deadline: float) -> Any:
        backoff = Backoff(random.Random())
        tries = 0
        while True:
            tries += 1
            try:
                return self._try(request, deadline)
            except _Trouble as trouble:
                if tries == self._tries:
                    count = f" ({tries} tries)" if tries > 1 else ""
                    raise UnavailableError(f"{self._shown_url}: {trouble}{count}") from None
                wait_seconds = trouble.wait_seconds
                if wait_seconds is None:
                    wait_seconds = backoff.next_delay_seconds()
                if time.monotonic() + wait_seconds >= deadline:
                    raise UnavailableError(
                        f"{self._shown_url}: {trouble}; no time left to wait {wait_seconds:.1f} s"
                    ) from None
            time.sleep(wait_seconds)

    def _request(self, method: str, path: str, **what: Any) -> urllib3.BaseHTTPResponse:
        return self._pool.request(
            method, self._base_url + path, retries=False, redirect=False, preload_content=False, **what
        )

    def _try(self, request: Callable[[], urllib3.BaseHTTPResponse], deadline: float) -> Any:
        try:
            response = request()
            try:
                self._check_status(response)
                body = self._read(response, deadline)
            finally:
                response.close()
        except SSLError as error:
            raise UnavailableError(f"{self._shown_url}: TLS refused: {error}") from None
        except HTTPError as error:
            raise _Trouble(_in_words(error)) from None
        try:
            return json.loads(body, parse_float=str, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise _Trouble("the answer is no JSON") from None

    def _check_status(self, response: urllib3.BaseHTTPResponse) -> None:
        if response.status == 200:
            return
        text = f"HTTP {response.status}"
        if response.status not in _PASSING_STATUS:
            raise UnavailableError(f"{self._shown_url}: {text}")
        asked = response.headers.get("Retry-After")
        try:
            wait_seconds = None if asked is None else urllib3.Retry().parse_retry_after(asked)
        except (InvalidHeader, ValueError, OverflowError):  # neither a number of seconds nor a date
            wait_seconds = None
        raise _Trouble(text, wait_seconds)

    def _read(self, response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        body = bytearray()
        # read1, because read would wait for whole chunks of a body that drips in
        while chunk := response.read1(_CHUNK_BYTES):
            body += chunk
            if len(body) > _BODY_BYTES_MAX:
                raise UnavailableError(f"{self._shown_url}: the answer is over {_BODY_BYTES_MAX} bytes")
            if time.monotonic() >= deadline:
                raise UnavailableError(f"{self._shown_url}: the answer did not end in time")
        return bytes(body)


def _in_words(error: HTTPError) -> str:
    if isinstance(error, NameResolutionError):
        return "the name cannot be resolved"
    if isinstance(error, NewConnectionError):
        cause = error.__cause__
        return f"cannot connect: {cause.strerror if isinstance(cause, OSError) else error}"
    if isinstance(error, HttpTimeoutError):
        return "no answer in time"
    return f"the answer broke off: {error}"


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
