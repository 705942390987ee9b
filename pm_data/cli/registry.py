"""The commands, in the order in which help lists them."""

from types import ModuleType

from pm_data.cli import (
    capture,
    capture_events,
    capture_frames,
    capture_verify,
    demo,
    discover,
    run,
    venue,
)

COMMANDS: tuple[ModuleType, ...] = (
    demo,
    discover,
    capture,
    capture_verify,
    capture_frames,
    capture_events,
    run,
    venue,
)
"""Each has NAME, SUMMARY, add_arguments(parser) and run(args) -> exit code.

Building the parsers imports nothing heavy: websockets, ujson, urllib3 and
_fast are imported inside run().
"""
