"""Small bundles made by the real offline capture."""

import json

from pm_data import config
from pm_data.capture.offline import capture_offline


def stamped(mono_ns, payload):
    """Return a fixture line of one frame with its receive stamp."""
    return json.dumps({"mono_ns": mono_ns, "raw": payload.decode()}) + "\n"


def make_bundle(directory, files, run_id="made"):
    """Write a bundle from fixture texts by name; return the run directory."""
    fixtures = directory / "fixtures"
    fixtures.mkdir(exist_ok=True)
    for name, text in files.items():
        (fixtures / name).write_text(text, encoding="utf-8", newline="\n")
    resolved = config.resolve({"data_dir": str(directory / "data")}, {})
    capture_offline(resolved, fixtures, run_id)
    return directory / "data" / "runs" / run_id
