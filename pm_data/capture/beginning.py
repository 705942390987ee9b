"""The first files of a run: its manifest, and the space kept for the reason of a fatal end."""

import contextlib
import dataclasses

from pm_data import clock
from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import FATAL, Manifest, write_manifest
from pm_data.capture.fatal import Cause, Fatal, Reserve, fatal_json
from pm_data.errors import FatalCaptureError
from pm_data.osdep import write_file_atomically


def begin_bundle(run: RunDir, manifest: Manifest) -> Reserve:
    """Write the run's first manifest and reserve the space of `fatal.json`.

    Raises:
        FatalCaptureError: the disk refuses; `fatal.json` and the manifest say so where they can be written.
    """
    try:
        write_manifest(run, manifest)
        return Reserve(run.path, run.manifest.stat().st_size)
    except OSError as error:
        fatal = Fatal(Cause.WRITE_ERROR, str(error), None, clock.mono_ns(), clock.wall_ns())
        with contextlib.suppress(OSError):
            write_file_atomically(run.fatal, fatal_json(fatal))
        with contextlib.suppress(OSError):
            write_manifest(run, dataclasses.replace(manifest, status=FATAL))
        raise FatalCaptureError(f"cannot begin {run.path}: {error}") from error
