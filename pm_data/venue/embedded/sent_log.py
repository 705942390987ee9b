"""What the venue sent to one connection, to hold a capture against it."""

from pathlib import Path

from pm_data import jsonlib


class SentLog:
    """Remembers payloads in memory, in a file, or both, as asked.

    Args:
        path: file to make, one JSON line `{"raw": text}` for each payload; None for no file.

    Attributes:
        payloads: what was sent so far, when kept.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, path: Path | None, *, keep: bool) -> None:
        self.payloads: list[bytes] = []
        self._keep = keep
        self._file = None if path is None else path.open("x", encoding="utf-8", newline="\n")

    def add(self, payload: bytes) -> None:
        """Note one payload."""
        if self._keep:
            self.payloads.append(payload)
        if self._file is not None:
            self._file.write(jsonlib.ndjson_line({"raw": payload.decode("utf-8", "backslashreplace")}))

    def flush(self) -> None:
        """Make the file hold everything noted so far."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
