#!/usr/bin/env python3
"""Fail every call of a real capture that matters with every error, once and for good (rule D9).

The long stage of the tests takes one error for each call; this takes them all, several hundred captures,
each checked as tests/capture/test_io_error_nth_call.py says. Needs strace and the right to trace.

    python3 tools/soak_io_errors.py
"""

import importlib.util
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def main():
    """Run the soak."""
    path = ROOT / "tests" / "capture" / "test_io_error_nth_call.py"
    spec = importlib.util.spec_from_file_location("io_errors", path)
    io_errors = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(io_errors)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        io_errors.sweep_all(Path(directory), io_errors.SWEEP)
    print(f"every capture ended as it must; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
