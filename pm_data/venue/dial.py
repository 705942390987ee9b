"""Open market connections, a few at a time: addresses, TLS, handshake, each failure as one line."""

import asyncio
import os
import socket
import ssl

from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
from websockets.uri import parse_uri

from pm_data.errors import ConfigError
from pm_data.venue.connection import CLOSE_TIMEOUT_SECONDS, Connection, Listener
from pm_data.venue.offload import in_own_thread
from pm_data.venue.urls import without_credentials

HANDSHAKES_AT_ONCE = 4
"""More than about 8 concurrent TLS handshakes are dropped by the venue (PROTOCOL 1.2)."""

_SPACING_SECONDS = 0.05
_DIAL_SECONDS = 10.0
_ADDRESS_SECONDS = 4.0
"""For one of several addresses, so that a route that swallows packets leaves time for the next."""


class DialError(Exception):
    """A connection could not be opened; the text says why in one line."""


class Dialer:
    """Opens connections to one URL, at most four handshakes at once and 50 ms apart.

    Raises:
        ConfigError: it is no WebSocket URL.
    """

    def __init__(self, url: str) -> None:
        self.shown_url = without_credentials(url)
        try:
            self._uri = parse_uri(url)
        except InvalidURI as error:
            raise ConfigError(f"clob_ws_url: {self.shown_url!r} is no WebSocket URL: {error.msg}") from None
        self._tls = ssl.create_default_context() if self._uri.secure else None
        self._place = f"{self._uri.host}:{self._uri.port}"
        self._turns = asyncio.Semaphore(HANDSHAKES_AT_ONCE)
        self._next_start = 0.0

    async def dial(self, listener: Listener) -> None:
        """Open one connection; the listener has heard `opened` when this returns.

        Raises:
            DialError: it could not be opened, or not within 10 s.
        """
        async with self._turns:
            await self._stagger()
            try:
                async with asyncio.timeout(_DIAL_SECONDS):
                    await self._open(listener)
            except TimeoutError:
                raise DialError(f"{self._place} did not answer within {_DIAL_SECONDS:g} s") from None
            except socket.gaierror as error:
                raise DialError(f"cannot resolve {self._uri.host}: {error.strerror}") from None
            except ssl.SSLCertVerificationError as error:
                raise DialError(f"TLS certificate of {self._place} refused: {error.verify_message}") from None
            except ssl.SSLError as error:
                raise DialError(f"TLS with {self._place} failed: {error.reason or error}") from None
            except InvalidStatus as error:
                status = error.response.status_code
                raise DialError(f"{self._place} refused the WebSocket: HTTP {status}") from None
            except InvalidHandshake as error:
                raise DialError(f"{self._place} speaks no WebSocket: {error}") from None
            except OSError as error:
                # asyncio puts its own words into strerror
                text = os.strerror(error.errno) if error.errno else str(error)
                raise DialError(f"cannot connect to {self._place}: {text}") from None

    async def _stagger(self) -> None:
        loop = asyncio.get_running_loop()
        start = max(self._next_start, loop.time())
        self._next_start = start + _SPACING_SECONDS
        await asyncio.sleep(start - loop.time())

    async def _open(self, listener: Listener) -> None:
        host, port = self._uri.host, self._uri.port
        found = await in_own_thread(
            lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), "venue-dns"
        )
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses[:-1]:
            try:
                async with asyncio.timeout(_ADDRESS_SECONDS):
                    return await self._open_at(address, listener)
            except ssl.SSLError:
                raise
            except OSError:  # refused, unreachable or timed out here; the next address may do
                continue
        await self._open_at(addresses[-1], listener)

    async def _open_at(self, address: str, listener: Listener) -> None:
        connection = Connection(self._uri, listener)
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: connection,
                address,
                self._uri.port,
                ssl=self._tls,
                server_hostname=self._uri.host if self._tls else None,
                ssl_shutdown_timeout=CLOSE_TIMEOUT_SECONDS if self._tls else None,
            )
            await connection.opened()
        except BaseException:
            connection.abort()
            raise
