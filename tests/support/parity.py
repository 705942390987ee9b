"""Runs of random steps that both cores take, and the smallest run in which they differ.

A step is ("frame", payload, conn), ("gap", asset_ids[, cause]), ("release", conn), or ("own", "handover" or
"disown", asset_ids, conn).
"""

import re

from support.mutants import mutated
from support.state import plain, visible

RUN_STEPS = 50
_ASSET_ID = re.compile(rb'"asset_id": ?"([^"]*)"')


def asset_ids_of(frames):
    """Return the asset ids that stand in frames, and one that does not."""
    return ["333", *sorted({text.decode() for frame in frames for text in _ASSET_ID.findall(frame)})]


def random_run(frames, asset_ids, generator):
    """Return the steps of one run: mostly damaged frames, now and then another owner or a gap."""
    steps = []
    for _ in range(RUN_STEPS):
        conn = generator.choice([1, 1, 1, 2])
        if generator.random() < 0.9:
            frame = generator.choice(frames)
            if generator.random() < 0.9:
                frame = mutated(frame, frames, generator)
            steps.append(("frame", frame, conn))
            continue
        kind = generator.choice(["gap", "own", "release", "handover", "disown"])
        some = generator.sample(asset_ids, min(2, len(asset_ids)))
        steps.append({"gap": ("gap", some), "release": ("release", conn)}.get(kind, (kind, some, conn)))
    return steps


def difference(cores, steps, book_checks="off"):
    """Take the steps on both cores; return what differs first, in words, or None."""
    stores = [core.store.StateStore(book_checks) for core in cores]
    seq = 0
    for stamp, step in enumerate(steps):
        first, second = (_take(store, step, stamp, seq) for store in stores)
        if first != second:
            return f"step {stamp}: {first} or {second}"
        seq += len(first) if isinstance(first, list) else 0
    first, second = (plain(store.finish(len(steps), seq)) for store in stores)
    if first != second:
        return f"end: {first} or {second}"
    first, second = (visible(store) for store in stores)
    return None if first == second else f"state: {first} or {second}"


def _take(store, step, stamp, seq):
    """Return the step's events as plain tuples, or the type of what it raised."""
    name, *arguments = step
    try:
        if name == "frame":
            return plain(store.frame(*arguments, stamp, seq))
        if name == "gap":
            asset_ids, *cause = arguments
            return plain(store.gap(asset_ids, stamp, seq, *cause))
        getattr(store, name)(*arguments)
    except Exception as error:  # whatever it is, the other core must raise it too
        return type(error)
    return []


def smallest(cores, steps, book_checks="off"):
    """Return steps in which the cores differ, with no step and no byte of a frame that can be left out."""
    steps = _without(steps, lambda fewer: difference(cores, fewer, book_checks) is not None)
    for at, step in enumerate(steps):
        if step[0] == "frame":
            head, tail = steps[:at], steps[at + 1 :]

            def differs(payload, head=head, tail=tail, conn=step[2]):
                return difference(cores, [*head, ("frame", payload, conn), *tail], book_checks) is not None

            steps = [*head, ("frame", _without(step[1], differs), step[2]), *tail]
    return steps


def _without(sequence, still_differs):
    """Take parts out of a sequence, large ones first, as long as the difference stays."""
    size = len(sequence)
    while size:
        at = 0
        while at < len(sequence):
            shorter = sequence[:at] + sequence[at + size :]
            if still_differs(shorter):
                sequence = shorter
            else:
                at += size
        size //= 2
    return sequence


def compare(cores, frames, count, generator, book_checks="off"):
    """Feed both cores `count` steps; return the smallest run in which they differ, or None."""
    asset_ids = asset_ids_of(frames)
    for _ in range(0, count, RUN_STEPS):
        steps = random_run(frames, asset_ids, generator)
        if difference(cores, steps, book_checks) is not None:
            steps = smallest(cores, steps, book_checks)
            return steps, difference(cores, steps, book_checks)
    return None
