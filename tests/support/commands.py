"""Run the real command as a user would."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def pm_data(*arguments, python=sys.executable, cwd=None, **environment):
    """Run `pm_data` in a process of its own; return the finished process, its output as text.

    Without the caller's PM_DATA_ variables, except the core's; keywords add variables.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PM_DATA_") or name == "PM_DATA_CORE"
    }
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [str(python), "-m", "pm_data", *map(str, arguments)],
        env=inherited | {"PYTHONPATH": path} | environment,
        capture_output=True,
        encoding="utf-8",
        cwd=cwd,
        timeout=100,
        check=False,
    )


def json_line(done):
    """Return the one JSON line of a finished command."""
    lines = done.stdout.splitlines()
    assert len(lines) == 1, (done.returncode, lines, done.stderr)
    return json.loads(lines[0])
