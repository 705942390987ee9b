#!/usr/bin/env python3
"""Plant defects in a copy of the tree, one at a time, and show that the tests see each (a soak; pure core).

A test that cannot fail proves nothing. Each defect here is a fault that somebody might write; its
tests must pass without it and fail with it. Exit code 1 where a defect goes unseen.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", ".*_cache", ".hypothesis", "build", "dist", "data", "*.egg-info", "__pycache__", "*.so"
)
TIMEOUT_SECONDS = 300


class Defect(NamedTuple):
    """A fault to plant: in `path`, `right` becomes `wrong`; `tests` must then fail."""

    name: str
    path: str
    right: str
    wrong: str
    tests: str


DEFECTS = (
    Defect(
        "a checksum is not compared",
        "pm_data/_fast/records_py.py",
        "crc32(view[start + self._crc_from : stop]) != crc\n                or number != seq",
        "number != seq",
        "tests/bundle/test_bitflip.py",
    ),
    Defect(
        "a missing record is not noticed",
        "pm_data/_fast/records_py.py",
        "                or number != seq\n",
        "",
        "tests/_fast/test_records.py",
    ),
    Defect(
        "the checksum leaves out the header",
        "pm_data/_fast/records_py.py",
        "crc = zlib.crc32(payload, zlib.crc32(unsummed[self._crc_from :]))",
        "crc = zlib.crc32(payload)",
        "tests/bundle/test_format.py",
    ),
    Defect(
        "stamps may repeat",
        "pm_data/venue/recordlog.py",
        "            stamp = max(self._mono(), self._last_mono_ns + 1)\n            wall_ns = self._wall()",
        "            stamp = max(self._mono(), self._last_mono_ns)\n            wall_ns = self._wall()",
        "tests/venue/test_recordlog.py",
    ),
    Defect(
        "a rotation loses what waits",
        "pm_data/venue/recordlog.py",
        "self.part.rest, self._queue = self._queue, []",
        "self.part.rest, self._queue = self._queue[1:], []",
        "tests/venue/test_recordlog.py",
    ),
    Defect(
        "a bundle begins with old books",
        "pm_data/capture/carry.py",
        "return made is not None and made[0] == market.ts_recv",
        "return made is not None",
        "tests/capture/test_carry.py",
    ),
    Defect(
        "numbers are cut instead of rounded",
        "pm_data/_fast/e6_py.py",
        'if decimals[6:7] >= "5":',
        'if decimals[6:7] > "5":',
        "tests/_fast/test_e6.py",
    ),
    Defect(
        "a number may have a sign of another script",
        "pm_data/_fast/e6_py.py",
        'r"([0-9]{1,18})(?:',
        'r"(\\d{1,18})(?:',
        "tests/_fast/test_e6.py",
    ),
    Defect(
        "a product may leave 64 bits",
        "pm_data/_fast/e6_py.py",
        "return require_int64(price_e6 * size_e6 // ONE_E6)",
        "return price_e6 * size_e6 // ONE_E6",
        "tests/_fast/test_int64_edges.py tests/_fast/test_e6.py",
    ),
    Defect(
        "a fee is counted twice",
        "pm_data/_fast/ledger_py.py",
        "fees_e6 = require_int64(self._fees_e6 + fee_e6)",
        "fees_e6 = require_int64(self._fees_e6 + 2 * fee_e6)",
        "tests/_fast/test_ledger.py",
    ),
    Defect(
        "a size of zero stays in a book",
        "pm_data/_fast/book_side.py",
        "kept = [key for key in dict.fromkeys(ascending) if size_of[key]]",
        "kept = list(dict.fromkeys(ascending))",
        "tests/_fast/test_store.py tests/_fast/test_tob_oracle.py",
    ),
    Defect(
        "a book lives again in silence",
        "pm_data/_fast/store_py.py",
        '            self._status(token, "live", "", op.ts_event, ts_recv, seq, events)\n\n'
        "    def _read_side",
        "\n    def _read_side",
        "tests/_fast/test_suspect_books.py tests/_fast/test_store.py",
    ),
    Defect(
        "slippage helps the buyer",
        "pm_data/_fast/orders_py.py",
        "worse = -multiply_divide(-price_e6, 10_000 + self._terms.slippage_bps, 10_000)",
        "worse = -multiply_divide(-price_e6, 10_000 - self._terms.slippage_bps, 10_000)",
        "tests/runtime/test_execution.py",
    ),
    Defect(
        "a word that prints as another passes",
        "pm_data/runtime/allocator.py",
        "return type(word) is str and word in words",
        "return word in words",
        "tests/runtime/test_orchestrator.py",
    ),
    Defect(
        "what was taken of a level is forgotten with each order",
        "pm_data/_fast/orders_py.py",
        "(shown_price, shown_size, taken_e6 + size_e6)",
        "(shown_price, shown_size, size_e6)",
        "tests/runtime/test_execution.py tests/_fast/test_orders.py",
    ),
    Defect(
        "an event line loses its number",
        "pm_data/runtime/eventlines.py",
        "return f\"{seq}|{event.kind}|{'|'.join(texts)}\\n\"",
        "return f\"{event.kind}|{'|'.join(texts)}\\n\"",
        "tests/cli/test_capture_events.py",
    ),
    Defect(
        "backoff has no jitter",
        "pm_data/venue/backoff.py",
        "return self._rng.uniform(0.0, bound)",
        "return bound",
        "tests/venue/test_backoff.py",
    ),
    Defect(
        "a PONG counts as data",
        "pm_data/venue/liveness.py",
        "return max(self.last_data_ns, self._quiet_ns) + self._idle_ns",
        "return max(self.last_data_ns, self.last_frame_ns, self._quiet_ns) + self._idle_ns",
        "tests/venue/test_liveness.py",
    ),
    Defect(
        "a run id may climb out of the directory",
        "pm_data/bundle/layout.py",
        'RUN_ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"',
        'RUN_ID_PATTERN = r"[A-Za-z0-9.][A-Za-z0-9./_-]{0,63}"',
        "tests/test_osdep.py tests/bundle/test_layout.py",
    ),
    Defect(
        "a link is followed",
        "pm_data/osdep.py",
        "    if not stat.S_ISREG(os.lstat(path).st_mode):",
        "    if not stat.S_ISREG(os.stat(path).st_mode):",
        "tests/test_osdep.py",
    ),
    Defect(
        "a file is replaced before it is whole on the disk",
        "pm_data/osdep.py",
        "            os.fsync(fd)\n        finally:\n            os.close(fd)\n        replace_file",
        "            pass\n        finally:\n            os.close(fd)\n        replace_file",
        "tests/capture/test_power_cut_order.py tests/bundle/test_power_cut.py",
    ),
    Defect(
        "a flag wins over the environment",
        "pm_data/config.py",
        "        if variable in environment:",
        "        if variable in environment and given is None:",
        "tests/test_config.py",
    ),
    Defect(
        "bytes dropped are not summed over shards",
        "pm_data/capture/accounts.py",
        "            self.dropped.plus(other.dropped),",
        "            self.dropped,",
        "tests/capture/test_accounts.py",
    ),
    Defect(
        "a heartbeat gap of two seconds and more is good",
        "pm_data/analysis/audit.py",
        "self._over += seconds > self.threshold_seconds",
        "self._over += seconds > 2 * self.threshold_seconds",
        "tests/cli/test_capture_gates.py",
    ),
    Defect(
        "one gate is enough",
        "pm_data/cli/capture_gates.py",
        "ok = all(gate.ok for gate in judged)",
        "ok = any(gate.ok for gate in judged)",
        "tests/cli/test_capture_gates.py",
    ),
    Defect(
        "a gap that never ended is no worse than one that did",
        "pm_data/analysis/grade.py",
        '    if gaps["unbounded"]:',
        "    if False:",
        "tests/cli/test_capture_grade.py",
    ),
    Defect(
        "a page shows a stranger's text as HTML",
        "pm_data/page/parts.py",
        "return html.escape(shown(text))",
        "return shown(text)",
        "tests/page/test_document.py",
    ),
    Defect(
        "a page's data may end its script",
        "pm_data/page/document.py",
        'return text.replace("<", "\\\\u003c")',
        "return text",
        "tests/page/test_document.py",
    ),
    Defect(
        "a proof passes over a line that differs",
        "pm_data/runtime/kept_lines.py",
        "if ours != theirs:",
        "if ours[:7] != theirs[:7]:",
        "tests/runtime/test_kept_lines.py",
    ),
    Defect(
        "a stage's time is counted in the next one",
        "pm_data/runtime/latency.py",
        "            answer = function(*arguments)\n            self._step(stage)",
        "            self._step(stage)\n            answer = function(*arguments)",
        "tests/runtime/test_latency.py",
    ),
    Defect(
        "a strategy's directory stays first in the path",
        "pm_data/strategy/loading.py",
        'sys.path = [*filter(None, sys.path), ""]',
        "pass",
        "tests/strategy/test_loading.py",
    ),
    Defect(
        "thinning loses a peak",
        "pm_data/page/thinning.py",
        'return max(first, second) if keep == "max" else min(first, second)',
        "return min(first, second)",
        "tests/page/test_thinning.py",
    ),
    Defect(
        "stdout is as the system likes it",
        "pm_data/osdep.py",
        'stream.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\\n")',
        'stream.reconfigure(errors="surrogateescape")',
        "tests/test_osdep.py",
    ),
)


def main() -> int:
    """Run all, or those whose name has a word in it; print a line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", help="plant only defects whose name has one of these words")
    words = parser.parse_args().words
    chosen = [defect for defect in DEFECTS if not words or any(word in defect.name for word in words)]
    unseen = 0
    with tempfile.TemporaryDirectory(prefix="pm_data_defects_") as directory:
        tree = Path(directory, "tree")
        shutil.copytree(ROOT, tree, ignore=NOT_COPIED)
        clean = " ".join(dict.fromkeys(defect.tests for defect in chosen)).split()
        if output := failure(tree, list(dict.fromkeys(clean)), TIMEOUT_SECONDS * len(chosen)):
            print(f"{output}\nThe tests fail without any defect; nothing can be shown.")
            return 1
        for defect in chosen:
            started = time.monotonic()
            seen = is_seen(tree, defect)
            unseen += not seen
            verdict = "seen  " if seen else "UNSEEN"
            print(f"{verdict}  {time.monotonic() - started:5.1f} s  {defect.name}", flush=True)
    print(f"{len(chosen) - unseen} of {len(chosen)} defects are seen")
    return 1 if unseen else 0


def is_seen(tree: Path, defect: Defect) -> bool:
    """Plant a defect, run its tests, take it away, run them again; return whether only the defect fails them.

    The second run, because a test that fails by chance or load has seen nothing.
    """
    path = tree / defect.path
    right = path.read_text(encoding="utf-8")
    assert right.count(defect.right) == 1, f"{defect.path}: the text of {defect.name!r} is not there once"
    path.write_text(right.replace(defect.right, defect.wrong), encoding="utf-8")
    failed = failure(tree, defect.tests.split(), TIMEOUT_SECONDS)
    path.write_text(right, encoding="utf-8")
    return bool(failed) and not failure(tree, defect.tests.split(), TIMEOUT_SECONDS)


def failure(tree: Path, tests: list[str], timeout_seconds: int) -> str:
    """Return what the tests say where one of them fails or hangs; nothing where all pass."""
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PM_DATA_CORE": "pure", "PYTHONPATH": str(tree)}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=timeout_seconds
        )
    except subprocess.TimeoutExpired:
        return f"no end within {timeout_seconds} s"
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout if done.returncode else ""


if __name__ == "__main__":
    sys.exit(main())
