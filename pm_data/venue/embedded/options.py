"""What an embedded venue is made from; the same options give the same messages."""

from dataclasses import dataclass
from pathlib import Path

from pm_data.errors import ConfigError
from pm_data.venue.embedded.faults import Fault

MAX_MARKETS = 20_000
MAX_RATE = 1_000_000


@dataclass(frozen=True, slots=True)
class VenueOptions:
    """How a venue behaves and where it listens.

    Args:
        seed: 0 to 2**63 - 1; decides markets, books and order flow.
        markets: active binary markets at the start, 1 to 20,000.
        rate: frames a second over all markets, 0 (a silent venue) to 1,000,000.
        port: port on 127.0.0.1, 0 for a free one.
        send_buffer_bytes: what may wait for a slow client before it is closed with 1013.
        keep_sent: remember every payload sent, for tests.
        sent_log: directory for `conn_<n>.ndjson`, every payload sent to the n-th connection.
        faults: what is to go wrong.

    Raises:
        ConfigError: a value is out of its range.
    """

    seed: int = 1
    markets: int = 50
    rate: int = 200
    port: int = 0
    send_buffer_bytes: int = 8 * 1024 * 1024
    keep_sent: bool = False
    sent_log: Path | None = None
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("seed", self.seed, 0, 2**63 - 1),
            ("markets", self.markets, 1, MAX_MARKETS),
            ("rate", self.rate, 0, MAX_RATE),
            ("port", self.port, 0, 65_535),
            ("send_buffer_bytes", self.send_buffer_bytes, 1, 2**31),
        ):
            if not low <= value <= high:
                raise ConfigError(f"{name}: '{value}' is not a whole number from {low} to {high}")
