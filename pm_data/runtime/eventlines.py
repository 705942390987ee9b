"""The event line: what `events_hash` is the SHA-256 of. docs/determinism.md is its text."""

from pm_data._fast import events


def event_line(event: events.Event) -> str:
    """Return the event's line, ended by LF: `seq|kind|fields`, absent values empty.

    The fields are those of the event in order, `seq` moved to the front.
    """
    *fields, seq = event
    texts = ["" if field is None else str(field) for field in fields]
    return f"{seq}|{event.kind}|{'|'.join(texts)}\n"
