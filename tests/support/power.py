"""A disk that loses power: what was synced stays, and of the rest anything may."""

PAGE_BYTES = 4096


def after_power_cut(data, synced, rng):
    """Return what a file may hold after the cut, and whether that is what an orderly file system leaves.

    Such a one leaves a prefix, and perhaps zero bytes where the rest was to come. Another may have written
    any of the pages that were not synced and none of the others.

    Args:
        data: the file as the process saw it; `synced` of its bytes are safe.
    """
    length = rng.randint(synced, len(data))
    kept = bytearray(data[:length])
    if rng.random() < 0.6:
        return bytes(kept) + bytes(rng.choice((0, 0, 1, len(data))))[: len(data) - length], True
    for start in range(synced - synced % PAGE_BYTES, length, PAGE_BYTES):
        if rng.random() < 0.5:
            first, last = max(start, synced), min(start + PAGE_BYTES, length)
            kept[first:last] = bytes(last - first)
    return bytes(kept), False
