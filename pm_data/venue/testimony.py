"""What the witness said, as a record of the connection that it is about."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pm_data.frame import Control
from pm_data.venue.token import Token
from pm_data.venue.witness import IDS_PER_REQUEST, Answer, Memory, Verdict, Witness

if TYPE_CHECKING:
    from pm_data.venue.link import Link


def testify(link: "Link", tokens: Sequence[Token], answer: Answer) -> dict[Token, Verdict]:
    """Record the witness's answer about tokens, and return its verdicts: none without an answer."""
    memory = Memory()
    link.catch_up()
    verdicts = {}
    if answer.books is not None:
        verdicts = {token: memory.verdict(token, answer.books) for token in tokens}
    record_verdicts(link, verdicts, len(tokens), answer.trouble)
    return verdicts


def record_verdicts(link: "Link", verdicts: dict[Token, Verdict], asked: int, trouble: str) -> None:
    """Record verdicts; of what is quiet only the number, because that is nearly all, nearly always."""
    found = {
        verdict: [token.asset_id for token, other in verdicts.items() if other is verdict]
        for verdict in Verdict
    }
    link.say(
        Control.WITNESS,
        {
            "asked": asked,
            "quiet": len(found[Verdict.QUIET]),
            "changed": found[Verdict.CHANGED],
            "absent": found[Verdict.ABSENT],
            "trouble": trouble or None,
        },
    )


async def is_quiet(link: "Link", witness: Witness) -> bool:
    """Return whether the witness says of an idle connection that it missed nothing."""
    tokens = link.tokens
    # What waits for a book is the ladder's affair, unless nothing else is there to judge by.
    tokens = [token for token in tokens if not token.waiting] or tokens
    for start in range(0, len(tokens), IDS_PER_REQUEST):
        part = tokens[start : start + IDS_PER_REQUEST]
        answer = await witness.ask([token.asset_id for token in part])
        if Verdict.CHANGED in testify(link, part, answer).values() or answer.books is None:
            return False
    return True
