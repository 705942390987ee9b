"""Where in a stranger's code an exception was raised."""

import traceback
from collections.abc import Collection
from pathlib import Path


def where_raised(error: BaseException, path: str | None = None, not_in: Collection[str] = ()) -> str:
    """Return ` (FILE, line N)` of the innermost frame, empty where none is known.

    Args:
        path: a file whose innermost frame is taken where it has one.
        not_in: files whose frames are none of the stranger's.
    """
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename not in not_in and not frame.filename.startswith("<")
    ]
    found = [frame for frame in frames if frame.filename == path] or frames
    return f" ({Path(found[-1].filename).name}, line {found[-1].lineno})" if found else ""
