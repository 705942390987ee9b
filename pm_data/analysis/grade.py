"""Grade a long run: A where every gate holds, B where all that was lost is known and bounded, C else.

The gates are strict: one reconnect fails them, and a run of weeks has some. What its records
say afterwards is another question: whether each gap has a cause and an end, and whether every
frame is accounted for. No book is expected of a token that was resolved or unsubscribed, nor of
one that still had time for it when the run ended.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from pm_data.analysis.coverage import Coverage, GapWindow
from pm_data.analysis.gates import Gate
from pm_data.analysis.verify import Verdict
from pm_data.bundle.damage import DamageClass
from pm_data.jsonlib import JsonObject

_SOURCES = {"venue": "venue", "network": "network"}
"""Where a cause of a connection's end comes from; what is not named here, we decided upon ourselves."""
SOURCES = ("planned", "venue", "ours", "network")


class Grade(NamedTuple):
    """A run's grade, and what speaks against a better one."""

    letter: str
    reasons: list[str]
    gaps: JsonObject

    def fields(self) -> JsonObject:
        """Return the grade as `capture-gates` prints it."""
        return {"grade": self.letter, "grade_reasons": self.reasons, "gaps": self.gaps}


def by_source(disconnected: JsonObject) -> dict[str, int]:
    """Return how many connections ended by each of SOURCES; the planned ones are no reconnects."""
    counts = Counter(dict.fromkeys(SOURCES, 0))
    counts["planned"] = disconnected["planned"]
    for cause, count in disconnected["midrun"]["by_cause"].items():
        counts[_SOURCES.get(cause, "ours")] += count
    return dict(counts)


def grade(
    judged: Iterable[Gate], report: JsonObject, verdict: Verdict, coverage: Coverage, *, status: str
) -> Grade:
    """Grade a capture.

    Args:
        report: the fields of its `LatencyReport`.
        status: the bundle's.
    """
    tokens = list(coverage.tokens())
    ended = {token.asset_id for token, state in tokens if state == "resolved" or token.left_ns is not None}
    windows = [
        (gap, token.asset_id in ended or gap.from_ns > coverage.in_time_ns)
        for token, _ in tokens
        for gap in token.gaps
    ]
    gaps = _gaps(windows)
    failed = [gate.name for gate in judged if not gate.ok]
    reasons = []
    if status != "closed":
        reasons.append(f"the run is {status}, not closed")
    if "fatal" in failed:
        reasons.append("the run ended fatally")
    if any(set(shard.counts) - {DamageClass.IDX_MISMATCH} for shard in verdict.summaries) or verdict.damage:
        reasons.append("records or manifest are damaged")
    if gaps["unbounded"]:
        reasons.append(f"{gaps['unbounded']} gaps of tokens end with no full book")
    missing = sum(
        token.is_missing and token.asset_id not in ended and (token.subscribed_ns or 0) <= coverage.in_time_ns
        for token, _state in tokens
    )
    if missing:
        reasons.append(f"{missing} tokens never had a book")
    frames, dropped = report["frames"], report["drops"]["dropped_messages_total"]
    if frames["received"] != frames["written"] + dropped:
        reasons.append("received is not written + dropped")
    if coverage.dropped_frames != dropped:
        reasons.append(f"{dropped} frames were dropped, and gap records tell of {coverage.dropped_frames}")
    if reasons:
        return Grade("C", reasons, gaps)
    if failed or windows:
        reasons = [f"gate {name} fails" for name in failed]
        if windows:
            going_on = ", or going on in the next bundle" if any(gap.goes_on for gap, _ in windows) else ""
            reasons.append(f"{gaps['count']} gaps of tokens, each with its cause and its end{going_on}")
        return Grade("B", reasons, gaps)
    return Grade("A", [], gaps)


def _gaps(windows: list[tuple[GapWindow, bool]]) -> JsonObject:
    """Sum gaps up; each comes with whether it needs no end."""
    longest_ns = max((gap.to_ns - gap.from_ns for gap, _ in windows if gap.to_ns is not None), default=0)
    return {
        "count": len(windows),
        "unbounded": sum(
            gap.to_ns is None and not gap.goes_on and not needs_no_end for gap, needs_no_end in windows
        ),
        "longest_seconds": round(longest_ns / 1e9, 3),
        "by_cause": dict(sorted(Counter(gap.cause[:64] for gap, _ in windows).items())),
    }
