"""Keeps every token of one shard whole: climbs the redrive ladder, and acts on what the witness says."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from pm_data import clock
from pm_data.frame import Control
from pm_data.venue.ladder import Due, Ladder
from pm_data.venue.link import Link
from pm_data.venue.own_connections import OwnConnections
from pm_data.venue.services import Services
from pm_data.venue.testimony import record_verdicts, testify
from pm_data.venue.token import Rung, Token
from pm_data.venue.witness import IDS_PER_REQUEST, Memory, Verdict


class Continuity:
    """What is done for the tokens of one shard.

    Args:
        tokens: returns the shard's tokens.
    """

    def __init__(
        self,
        services: Services,
        shard: int,
        tokens: Callable[[], Iterable[Token]],
        own_connections: OwnConnections,
    ) -> None:
        self._services = services
        self._shard = shard
        self._tokens = tokens
        self._own_connections = own_connections
        self._ladder = Ladder(services.config)
        self._silent_ns = int(services.config.capture_witness_silent_seconds * 1e9)
        self._grace_seconds = services.config.capture_witness_grace_seconds
        self._questions: set[asyncio.Task[None]] = set()

    def due(self) -> Due:
        """Return what is to be done now."""
        self._catch_up(self._tokens())
        return self._ladder.due(self._tokens(), clock.mono_ns())

    def climb(self) -> None:
        """Do the next thing for every token that waited long enough for its book."""
        due = self.due()
        now_ns = clock.mono_ns()
        for link, tokens in _by_link(due.ask_again):
            link.ask_again(tokens)
            _asked(tokens, now_ns, Rung.ASKED_AGAIN)
        for link, tokens in _by_link(due.own_connection):
            if all(token.lost and link.last_answer_ns < token.since_ns for token in tokens):
                link.close("silent")  # it does not answer at all: not they are dead, but the connection
                continue
            _asked(tokens, now_ns, Rung.OWN_CONNECTION)
            self._own_connections.open_for(tokens)
        for link, tokens in _by_link(due.witness):
            _asked(tokens, now_ns, Rung.WITNESS)
            for start in range(0, len(tokens), IDS_PER_REQUEST):
                self._ask(self._ask_about_unseen(link, tokens[start : start + IDS_PER_REQUEST]))
        for link, tokens in _by_link(due.missing):
            _asked(tokens, now_ns, Rung.MISSING)
            ids = [token.asset_id for token in tokens]
            link.say(Control.MISSING, {"tokens": ids})
            self._services.on_event("tokens_missing", {"shard": self._shard, "tokens": ids})
        self._own_connections.close_useless()

    async def ask_about_silent(self, silent: Sequence[Token]) -> None:
        """Ask the witness about up to 50 silent tokens, those first that were silent longest."""
        oldest = sorted(silent, key=lambda token: max(token.heard_ns, token.proved_ns))[:IDS_PER_REQUEST]
        asked_ns = clock.mono_ns()
        for token in oldest:
            token.proved_ns = asked_ns  # asked, at least: the next time is a turn later
        answer = await self._services.witness.ask([token.asset_id for token in oldest])
        self._catch_up(oldest)
        memory = Memory()
        doubtful: list[Token] = []
        quiet: dict[Token, Verdict] = {}
        for token in oldest:
            if answer.books is None or token.waiting:
                continue
            verdict = memory.verdict(token, answer.books)
            if verdict is not Verdict.CHANGED:
                quiet[token] = verdict
            elif token.heard_ns <= asked_ns:
                doubtful.append(token)
        for link, tokens in _by_link([token for token in oldest if token not in doubtful]):
            record_verdicts(
                link, {token: quiet[token] for token in tokens if token in quiet}, len(tokens), answer.trouble
            )
        for link, tokens in _by_link(doubtful):
            asked = sum(token.link is link for token in oldest)
            self._ask(self._wait_for_stream(link, tokens, asked_ns, asked))

    def stop(self) -> None:
        """Ask nothing more."""
        for question in self._questions:
            question.cancel()

    async def ended(self) -> None:
        """Wait until nothing is being asked."""
        await asyncio.gather(*self._questions, return_exceptions=True)

    async def _ask_about_unseen(self, link: Link, tokens: Sequence[Token]) -> None:
        """Have it on record whether tokens without a first book have one at all."""
        answer = await self._services.witness.ask([token.asset_id for token in tokens])
        if link.is_subscribed:
            testify(link, [token for token in tokens if token.waiting], answer)

    async def _wait_for_stream(
        self, link: Link, doubtful: Sequence[Token], asked_ns: int, asked: int
    ) -> None:
        """Give the stream a little time to bring what REST shows already; then call the rest lost."""
        await asyncio.sleep(self._grace_seconds)
        link.catch_up()
        if not link.is_subscribed:
            return
        lost = [
            token
            for token in doubtful
            if token.heard_ns <= asked_ns and not token.waiting and token.link is link
        ]
        if not lost:
            return
        record_verdicts(link, dict.fromkeys(lost, Verdict.CHANGED), len(doubtful), "")
        if link.last_data_ns <= asked_ns - self._silent_ns and 2 * len(lost) >= asked:
            link.close("silent")  # with its tokens the connection is silent as a whole
            return
        link.lost(lost)
        link.ask_again(lost)
        _asked(lost, clock.mono_ns(), Rung.ASKED_AGAIN)
        for token in lost:
            token.lost = True

    def _catch_up(self, tokens: Iterable[Token]) -> None:
        for link in {token.link for token in tokens}:
            if link is not None:
                link.catch_up()

    def _ask(self, question: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(question)
        self._questions.add(task)
        task.add_done_callback(self._questions.discard)


def _asked(tokens: Iterable[Token], now_ns: int, rung: Rung) -> None:
    for token in tokens:
        token.asked(now_ns, rung)


def _by_link(tokens: Iterable[Token]) -> list[tuple[Link, list[Token]]]:
    """Return tokens by the connection that brings them, those of an open one only."""
    groups: dict[Link, list[Token]] = {}
    for token in tokens:
        if token.link is not None and token.link.is_subscribed:
            groups.setdefault(token.link, []).append(token)
    return list(groups.items())
