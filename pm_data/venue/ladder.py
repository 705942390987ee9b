"""Which tokens of a shard need something done now, and what (SPEC 7: the redrive ladder)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pm_data.config import Config
from pm_data.venue.token import Rung, Token

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Due:
    """The tokens that wait for a book too long, by what is next for them, and those to ask the witness about.

    Args:
        silent: whole as far as is known, but without data for so long that the witness is asked.
    """

    ask_again: list[Token] = field(default_factory=list)
    own_connection: list[Token] = field(default_factory=list)
    witness: list[Token] = field(default_factory=list)
    missing: list[Token] = field(default_factory=list)
    silent: list[Token] = field(default_factory=list)


class Ladder:
    """The times of the ladder."""

    def __init__(self, config: Config) -> None:
        self._wait_ns = int(config.capture_first_book_seconds * _SECOND_NS)
        self._silent_ns = int(config.capture_witness_silent_seconds * _SECOND_NS)

    def due(self, tokens: Iterable[Token], now_ns: int) -> Due:
        """Return what is due; tokens whose connection is not open wait for that first."""
        due = Due()
        next_for = {
            Rung.ASKED: due.ask_again,
            Rung.ASKED_AGAIN: due.own_connection,
            Rung.OWN_CONNECTION: due.witness,
            Rung.WITNESS: due.missing,
        }
        late_ns, silent_ns = now_ns - self._wait_ns, now_ns - self._silent_ns
        for token in tokens:
            if token.link is None or not token.link.is_subscribed:
                continue
            if token.waiting:
                if token.since_ns <= late_ns and token.rung != Rung.MISSING:
                    next_for[token.rung].append(token)
            elif token.heard_ns <= silent_ns and token.proved_ns <= silent_ns:
                due.silent.append(token)
        return due
