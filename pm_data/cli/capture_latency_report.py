"""Report how a capture fared: lag, latencies, queues, reconnects, drops.

Writes latency_report.json, latency_report.txt and latency_report.html into the run directory,
and prints the JSON. The page is one file that opens offline: charts over time, coverage, gaps,
messages, and the verdict of capture-gates; every record is read for it. The exit code judges
nothing: that is for capture-gates.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pm_data.cli import output
from pm_data.cli.progress import ProgressBar
from pm_data.errors import DamageError
from pm_data.jsonlib import JsonObject

if TYPE_CHECKING:
    from pm_data.analysis.capture_series import CaptureSeries
    from pm_data.analysis.coverage import Coverage
    from pm_data.analysis.inspection import Inspection
    from pm_data.bundle.opening import Bundle

NAME = "capture-latency-report"
SUMMARY = "report a capture's lag, latencies, queues, reconnects and drops"

_NAME_WIDTH = 22


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="the run to report on")


def run(args: argparse.Namespace) -> int:
    """Write and print the report."""
    from pm_data import jsonlib
    from pm_data.analysis.capture_series import CaptureSeries
    from pm_data.analysis.latency_report import report_on
    from pm_data.bundle.opening import open_bundle

    bundle = open_bundle(args.run_dir)
    series = CaptureSeries()
    measured = report_on(bundle, series).fields()
    report = {"run_id": bundle.run.run_id, "status": bundle.status, **measured}
    rows = [output.printable(f"{name:<{_NAME_WIDTH}}{value}") for name, value in _rows(report)]
    output.write_report(bundle.run.path / "latency_report.json", jsonlib.dumps(report) + "\n")
    output.write_report(bundle.run.path / "latency_report.txt", "\n".join(rows) + "\n")
    output.write_report(bundle.run.path / "latency_report.html", _page(bundle, report, series))
    for row in rows:
        output.note(row)
    output.print_json(report)
    return 0


def _page(bundle: Bundle, report: JsonObject, series: CaptureSeries) -> str:
    from pm_data.analysis.capture_page import capture_page
    from pm_data.analysis.gates import gates
    from pm_data.analysis.grade import grade
    from pm_data.analysis.verify import verify_bundle

    with ProgressBar("pm_data capture-latency-report", 2 * sum(bundle.sizes.values())) as bar:
        verdict = verify_bundle(bundle, bar.add)
        inspection, coverage, books = _read(bundle, bar)
    judged = gates(report, verdict, has_fatal=os.path.lexists(bundle.run.fatal))
    graded = grade(judged, report, verdict, coverage, status=bundle.status)
    return capture_page(report, judged, graded, series, inspection, coverage, books)


def _read(bundle: Bundle, bar: ProgressBar) -> tuple[Inspection, Coverage, JsonObject | None]:
    """Read the records once, for all that want them."""
    from pm_data.analysis.books import CheckedBooks
    from pm_data.analysis.coverage import Coverage
    from pm_data.analysis.inspection import Inspection
    from pm_data.bundle.gaps import StandIn

    inspection, coverage = Inspection(bundle), Coverage(bundle)
    books: CheckedBooks | None = CheckedBooks()
    for record in bundle.replay_records(inspection.note_damage, inspection.note_damage):
        if books is not None:
            try:
                books.apply(record)
            except DamageError:
                books = None
        if not isinstance(record, StandIn):
            inspection.apply(record)
            coverage.apply(record)
            bar.add(len(record.payload))
    return inspection, coverage, books.finish() if books is not None else None


def _rows(report: JsonObject) -> list[tuple[str, str]]:
    frames, heartbeats, pressure = report["frames"], report["heartbeats"], report["pressure_streaks"]
    drops, midrun, queued = report["drops"], report["disconnected"]["midrun"], report["queued"]
    median = frames["per_second_median"]
    return [
        ("run", f"{report['run_id']}, {report['status']}, {report['seconds']:,.0f} s"),
        ("frames", f"{frames['received']:,} received, {frames['written']:,} written"),
        ("frames a second", f"median {_figure(median)}, max {_figure(frames['per_second_max'])}"),
        ("received to written", _quantiles(report["received_to_written_ms"])),
        ("loop lag", _quantiles(report["loop_lag_ms"])),
        ("queued", f"at most {queued['max']:,} frames, the oldest {queued['oldest_ms_max']:,} ms"),
        ("pressure", f"{pressure['count']} streaks, the longest {pressure['max_seconds']:g} s"),
        ("dropped", f"{drops['dropped_messages_total']:,} frames, {drops['dropped_bytes_total']:,} bytes"),
        ("reconnects", _causes(report["reconnects"]["total"], report["reconnects"]["by_cause"])),
        ("disconnected midrun", _causes(midrun["incidents"], midrun["by_cause"])),
        ("heartbeats", f"{heartbeats['hb_count']:,}, at most {heartbeats['max_gap_seconds']:g} s apart"),
        ("tokens with a book", f"{_figure(report['coverage_pct_last'])} %"),
        ("disk free", f"at least {_figure(report['disk_free_bytes_min'])} bytes"),
    ]


def _quantiles(measure: JsonObject) -> str:
    return ", ".join(f"{name} {_figure(value)} ms" for name, value in measure.items())


def _causes(total: int, by_cause: JsonObject) -> str:
    causes = ", ".join(f"{cause} {count:,}" for cause, count in by_cause.items())
    return f"{total:,} ({causes})" if causes else f"{total:,}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,}"
