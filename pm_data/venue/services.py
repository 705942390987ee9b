"""What all connections of a session share."""

from collections.abc import Callable
from dataclasses import dataclass

from pm_data.config import Config
from pm_data.jsonlib import JsonObject
from pm_data.venue.dial import Dialer
from pm_data.venue.recordlog import RecordLog
from pm_data.venue.scan import Seen
from pm_data.venue.witness import Witness


@dataclass(frozen=True, slots=True)
class Services:
    """What all connections of a session share.

    Args:
        on_event: takes a runlog record type and its fields; must not block.
        on_news: takes messages about markets as such: new ones, and resolved ones.
        next_conn: gives the next connection number of the run.
    """

    config: Config
    log: RecordLog
    dialer: Dialer
    witness: Witness
    on_event: Callable[[str, JsonObject], None]
    on_news: Callable[[Seen, bytes], None]
    next_conn: Callable[[], int]
