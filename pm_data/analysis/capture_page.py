"""`latency_report.html`: a capture in one page, for a person."""

from collections.abc import Callable, Sequence
from itertools import groupby, pairwise

from pm_data import jsonlib
from pm_data.analysis.capture_series import MAX_STRETCHES, CaptureSeries
from pm_data.analysis.coverage import Coverage
from pm_data.analysis.gates import Gate
from pm_data.analysis.grade import Grade, by_source
from pm_data.analysis.inspection import Inspection
from pm_data.jsonlib import JsonObject
from pm_data.page.document import Part, render
from pm_data.page.parts import Cell, Chart, Figure, Figures, Series, Shade, Stretch, Strip, Strips, Table
from pm_data.page.texts import duration_text, figure_text, utc_text
from pm_data.page.thinning import Thinned

_QUANTILES = ("max", "p99", "p50")
_SHADES: tuple[tuple[float, Shade], ...] = ((100.0, "4"), (75.0, "3"), (50.0, "2"), (0.001, "1"))
"""From this percentage of tokens that have a book on, a strip has this shade; below all, none."""
_TABLE_NOTE = "From the records of the stream: each gap names the tokens whose books it made suspect."


def capture_page(
    report: JsonObject,
    judged: Sequence[Gate],
    graded: Grade,
    series: CaptureSeries,
    inspection: Inspection,
    coverage: Coverage,
    books: JsonObject | None,
) -> str:
    """Return the page.

    Args:
        report: what `latency_report.json` holds.
        inspection: of the same bundle, already read; `coverage` too.
        books: what `check_books` found in it; None where damage forbade the check.
    """
    parts: list[Part] = [
        _figures(report, judged, graded, inspection),
        _gates(judged, graded),
        *_coverage(series, coverage),
        *_charts(series),
        _gaps(inspection),
        _connections(report, inspection),
        _messages(inspection),
        _books(books),
    ]
    return render(f"Capture {report['run_id']}", _subtitle(report, inspection), parts)


def _subtitle(report: JsonObject, inspection: Inspection) -> str:
    span, manifest = inspection.span, inspection.bundle.manifest
    pieces = [str(report["status"])]
    if span.first_wall_ns_utc is not None:
        pieces.append(utc_text(span.first_wall_ns_utc))
    pieces.append(duration_text(report["seconds"]))
    if manifest is not None:
        pieces.append(f"pm_data {manifest.package_version} ({manifest.core}), Python {manifest.python}")
    return " · ".join(pieces)


def _figures(report: JsonObject, judged: Sequence[Gate], graded: Grade, inspection: Inspection) -> Figures:
    failed = [gate.name for gate in judged if not gate.ok]
    frames, drops, universe = report["frames"], report["drops"], inspection.universe
    lag, written = report["loop_lag_ms"], report["received_to_written_ms"]
    midrun = report["disconnected"]["midrun"]
    incidents, split = midrun["incidents"], by_source(report["disconnected"])
    sources = ", ".join(f"{source} {count:,}" for source, count in split.items() if count)
    dropped = drops["dropped_messages_total"]
    return Figures(
        [
            Figure(
                "gates",
                "FAIL" if failed else "PASS",
                f"grade {graded.letter}; {', '.join(failed) or f'all {len(judged)} hold'}",
                "bad" if failed else "good",
            ),
            Figure("frames received", f"{frames['received']:,}", f"{frames['written']:,} written"),
            Figure("frames dropped", f"{dropped:,}", tone="bad" if dropped else ""),
            Figure(
                "frames a second",
                figure_text(frames["per_second_median"]),
                f"max {figure_text(frames['per_second_max'])}",
            ),
            Figure(
                "received to written, p99",
                f"{figure_text(written['p99'])} ms",
                f"max {figure_text(written['max'])} ms",
            ),
            Figure("loop lag, p99", f"{figure_text(lag['p99'])} ms", f"max {figure_text(lag['max'])} ms"),
            Figure("disconnects midrun", f"{incidents:,}", sources, "warn" if incidents else ""),
            Figure("tokens", f"{universe['tokens']:,}", f"of {universe['markets']:,} markets"),
        ]
    )


def _gates(judged: Sequence[Gate], graded: Grade) -> Table:
    rows = [
        (
            Cell("PASS", "good") if gate.ok else Cell("FAIL", "bad"),
            gate.name,
            _plain(gate.value),
            _plain(gate.limit),
            "" if gate.ok else gate.look,
        )
        for gate in judged
    ]
    return Table(
        "Gates",
        ("verdict", "gate", "found", "limit", "where to look"),
        rows,
        note=f"Grade {graded.letter}{': ' if graded.reasons else ''}{'; '.join(graded.reasons)}.",
    )


def _charts(series: CaptureSeries) -> list[Part]:
    beats = series.heartbeats
    seconds = _seconds(series, beats)
    marks = [series.wall_seconds(stamp) for stamp in series.disconnects]
    megabytes = [None if rate is None else rate / 1e6 for rate in beats.per_second("received_bytes")]

    def chart(title: str, unit: str, *lines: Series) -> Chart:
        return Chart(title, unit, seconds, lines, marks)

    return [
        chart("Frames received", "a second", Series("frames/s", beats.per_second("received"))),
        chart("Bytes received", "MB a second", Series("MB/s", megabytes)),
        Chart("Received to written", "ms", _seconds(series, series.written), _lines(series.written), marks),
        chart("Loop lag", "ms", *_lines(beats)),
        chart("Frames waiting for the disk", "", Series("frames", beats.column("queued"))),
        chart("Oldest frame waiting", "ms", Series("ms", beats.column("queued_oldest_ms"))),
    ]


def _seconds(series: CaptureSeries, thinned: Thinned) -> list[float]:
    return [series.wall_seconds(stamp) for stamp in thinned.stamps_ns]


def _lines(thinned: Thinned) -> list[Series]:
    return [Series(quantile, thinned.column(quantile)) for quantile in _QUANTILES]


def _coverage(series: CaptureSeries, coverage: Coverage) -> list[Part]:
    stamps = series.heartbeats.stamps_ns
    if len(stamps) < 2:
        return []
    begin, end = min([stamps[0], *series.disconnects]), stamps[-1]
    # The first second of a run has no heartbeat before it.
    span = max(end - begin, 1)

    def place(mono_ns: int) -> float:
        return min(max((mono_ns - begin) / span, 0.0), 1.0)

    windows: dict[int, dict[Stretch, None]] = {}
    for token, _state in coverage.tokens():
        for gap in token.gaps:
            until = end if gap.to_ns is None else gap.to_ns
            title = f"gap: {gap.cause}, {duration_text((until - gap.from_ns) / 1e9)}"
            mark = Stretch(round(place(gap.from_ns), 4), round(place(until), 4), "mark", title)
            windows.setdefault(token.shard, {})[mark] = None
    most = max(1, MAX_STRETCHES // max(1, len(series.coverage)))
    strips = [
        Strip(f"shard {shard}", [*_stretches(covered, place), *list(windows.get(shard, ()))[:most]])
        for shard, covered in sorted(series.coverage.items())
    ]
    note = (
        "Blue: tokens with a book, the darker the more, full where all have one. "
        "Red: from the last data before a gap to the next full book of its tokens."
    )
    times = [utc_text(int(series.wall_seconds(stamp) * 1e9)) for stamp in (begin, end)]
    return [Strips("Coverage", strips, times[0], times[1], note)]


def _stretches(coverage: Thinned, place: Callable[[int], float]) -> list[Stretch]:
    steps = list(zip(pairwise(coverage.stamps_ns), coverage.column("coverage_pct")[1:], strict=True))
    stretches = []
    for shade, run in groupby(steps, lambda step: _shade(step[1])):
        same = list(run)
        least = min((value for _span, value in same if value is not None), default=None)
        title = "unknown" if least is None else f"{least:g} % of the tokens have a book"
        stretches.append(Stretch(place(same[0][0][0]), place(same[-1][0][1]), shade, title))
    return stretches


def _shade(percent: float | None) -> Shade:
    return next((shade for least, shade in _SHADES if percent is not None and percent >= least), "0")


def _gaps(inspection: Inspection) -> Table:
    rows = [
        (
            utc_text(gap["rx_wall_ns_utc"]),
            gap["shard"],
            gap["conn"],
            gap["cause"],
            gap["tokens"],
            gap["frames"],
        )
        for gap in inspection.gaps
    ]
    more = inspection.gap_causes.total() - len(rows)
    note = _TABLE_NOTE + (f" {more:,} later ones are not listed." if more else "")
    columns = ("at", "shard", "connection", "cause", "tokens", "frames dropped")
    return Table("Gaps", columns, rows, "No gap: every connection held from its begin to the end.", note)


def _connections(report: JsonObject, inspection: Inspection) -> Table:
    midrun, reconnects = report["disconnected"]["midrun"]["by_cause"], report["reconnects"]["by_cause"]
    causes = sorted({*midrun, *reconnects, *inspection.close_causes})
    rows = [
        (cause, inspection.close_causes[cause], midrun.get(cause, 0), reconnects.get(cause, 0))
        for cause in causes
    ]
    columns = ("cause", "connections closed", "of these midrun", "attempts to connect again")
    return Table(
        "Connections", columns, rows, "None was closed.", f"{inspection.opened:,} connections were opened."
    )


def _messages(inspection: Inspection) -> Table:
    messages = inspection.messages
    named = [("message", name, count) for name, count in messages["types"].items()]
    named += [("unknown type", name, count) for name, count in messages["unknown_types"].items()]
    named += [("text", name, count) for name, count in messages["texts"].items()]
    named += [
        ("frame class", name, count)
        for name, count in messages["classes"].items()
        if count and name not in ("data", "unknown_type", "non_json")
    ]
    total = sum(count for _kind, _name, count in named) or 1
    rows = [(kind, name, count, f"{100 * count / total:.1f} %") for kind, name, count in named]
    return Table("Message mix", ("", "name", "count", "share"), rows, "No frame.")


def _books(books: JsonObject | None) -> Table:
    columns = ("against", "agreed", "agreed late", "failed", "unchecked")
    if books is None:
        return Table("Book checks", columns, [], "Not made: a record is not what its type demands.")
    found = books["totals"]
    late = found["hash_late_trade_price"] + found["hash_late_tick_size"]
    rows = [
        ("the venue's hash", found["hash_verified"], late, found["hash_failed"], found["hash_unchecked"]),
        ("best bid and ask", found["best_agreed"], "", found["best_differed"], ""),
        ("the other token of the market", found["mirror_agreed"], "", found["mirror_differed"], ""),
    ]
    marked = [
        (against, agreed, later, Cell(f"{failed:,}", "bad") if failed else failed, unchecked)
        for against, agreed, later, failed, unchecked in rows
    ]
    return Table("Book checks", columns, marked, note="capture-verify --books tells each token and incident.")


def _plain(value: object) -> str:
    """Return a gate's value as a person reads it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    return value if isinstance(value, str) else jsonlib.dumps(value)
