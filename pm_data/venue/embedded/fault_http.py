"""Faults of the venue's HTTP answers: the market listing and the REST books."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pm_data import jsonlib
from pm_data.venue.embedded.fault_plan import FaultPlan
from pm_data.venue.embedded.faults import Fault
from pm_data.venue.embedded.http_head import Head

_BODIES = {
    "html": b"<html>Just a moment...</html>",
    "empty": b"",
    "list": b"[]",
    "null": b"null",
    "number": b'{"markets":7}',
    "no_markets": b'{"data":[]}',
    "cursor": b'{"markets":[],"next_cursor":7}',
    "nan": b'{"markets":[],"x":NaN}',
    "deep": b"[" * 100_000,
    "utf8": b'{"markets":["\xff"]}',
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer.

    Args:
        headers: further header lines.
        cut: send half of the body and hang up.
        delay_seconds: wait so long before it.
    """

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    delay_seconds: float = 0.0


class HttpFaults:
    """Changes answers as the plan says."""

    def __init__(self, plan: FaultPlan, answer: Callable[[Head, bytes], tuple[int, bytes]]) -> None:
        self._plan = plan
        self._answer = answer
        self._listings = 0

    def reply(self, head: Head, body: bytes) -> Reply:
        """Return the answer to a request, with all that goes wrong with it."""
        prefix = {"/markets/keyset": "gamma_", "/books": "books_"}.get(head.path)
        if head.path == "/markets/keyset":
            self._listings += 1
        reply = Reply(*self._answer(head, body))
        if prefix is None:
            return reply
        for fault in self._plan.faults:
            if not fault.name.startswith(prefix) or self._listings <= int(fault.values.get("skip", 0)):
                continue
            if self._plan.hits(fault, int(fault.values.get("times", 0))):
                reply = self._changed(fault, head, reply)
        return reply

    def _changed(self, fault: Fault, head: Head, reply: Reply) -> Reply:
        kind = fault.name.partition("_")[2]
        if kind == "status":
            seconds = float(fault.values.get("retry_after", 0))
            headers = {"Retry-After": f"{seconds:g}"} if seconds else {}
            return Reply(fault.count("status"), b'{"error":"fault"}', headers)
        if kind == "slow":
            return replace(reply, delay_seconds=fault.seconds("seconds"))
        if kind == "partial":
            return replace(reply, cut=True)
        if kind == "body":
            return replace(reply, body=_BODIES[fault.word("kind")])
        if kind == "huge":
            return replace(reply, body=reply.body.ljust(fault.count("bytes")))
        return Reply(200, self._page(fault, kind, head, reply))

    def _page(self, fault: Fault, kind: str, head: Head, reply: Reply) -> bytes:
        """Return a page that is not the one asked for."""
        if kind == "short":
            page = jsonlib.loads_object(reply.body)
            page["markets"] = page["markets"][: fault.count("markets")]
            page.pop("next_cursor", None)
        elif kind == "repeat_page":
            query = {key: value for key, value in head.query.items() if key != "after_cursor"}
            page = jsonlib.loads_object(self._answer(replace(head, query=query), b"")[1])
            page["next_cursor"] = f"cursor-{self._listings}"
        else:
            page = jsonlib.loads_object(reply.body)
            page["next_cursor"] = head.query.get("after_cursor") or page.get("next_cursor")
        return jsonlib.dumps(page).encode()
