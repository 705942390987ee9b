"""The commands, in the order in which help lists them."""

from types import ModuleType

from pm_data.cli import (
    capture,
    capture_audit,
    capture_bench,
    capture_books,
    capture_coverage,
    capture_events,
    capture_frames,
    capture_gates,
    capture_inspect,
    capture_latency_report,
    capture_seal,
    capture_slice,
    capture_verify,
    compare,
    config_command,
    demo,
    discover,
    prove,
    run,
    strategy,
    venue,
)

COMMANDS: tuple[ModuleType, ...] = (
    demo,
    discover,
    capture,
    capture_inspect,
    capture_verify,
    capture_audit,
    capture_latency_report,
    capture_gates,
    capture_coverage,
    capture_frames,
    capture_events,
    capture_books,
    capture_slice,
    capture_seal,
    capture_bench,
    run,
    prove,
    compare,
    strategy,
    venue,
    config_command,
)
"""Each has NAME, SUMMARY, add_arguments(parser) and run(args) -> exit code.

Building the parsers imports nothing heavy: websockets, ujson, urllib3 and
_fast are imported inside run().
"""
