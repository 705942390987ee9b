# One side of a book: levels by key, ascending towards the best, which is last. store_c.pyx includes this;
# book_side.py is the definition.

cdef enum:
    NEAR = 12  # levels looked at one by one, from the best: most changes are near it

ctypedef struct Placed:
    int64_t key
    int64_t size
    Py_ssize_t position


cdef int _reserve(Side *side, Py_ssize_t count) except -1:
    cdef Level *levels
    if side.capacity < count:
        count += count // 4 + 8
        levels = <Level *>PyMem_Realloc(side.levels, count * sizeof(Level))
        if levels == NULL:
            raise MemoryError
        side.levels, side.capacity = levels, count
    return 0


cdef inline Py_ssize_t _above(const Level *levels, Py_ssize_t count, int64_t key) noexcept:
    """Return how many levels have this key or a smaller one."""
    cdef Py_ssize_t low = 0, middle, last = max(count - NEAR, 0)
    while count > last and levels[count - 1].price > key:
        count -= 1
    if count > last:
        return count
    while low < count:
        middle = (low + count) // 2
        if levels[middle].price > key:
            count = middle
        else:
            low = middle + 1
    return low


cdef int _set_level(Side *side, int64_t key, int64_t size) except -1:
    """Set a level, size 0 for none; return whether that touched the best one."""
    cdef Level *levels = side.levels
    cdef Py_ssize_t count = side.count, at = _above(levels, count, key)
    if at > 0 and levels[at - 1].price == key:
        if size:
            levels[at - 1].size = size
        else:
            memmove(&levels[at - 1], &levels[at], (count - at) * sizeof(Level))
            side.count -= 1
        return at == count
    if size:
        if count == side.capacity:
            _reserve(side, count + 1)
            levels = side.levels
        memmove(&levels[at + 1], &levels[at], (count - at) * sizeof(Level))
        levels[at].price, levels[at].size = key, size
        side.count += 1
        return at == count
    return False


cdef inline void _append(Side *side, int64_t key, int64_t size) noexcept:
    """Put a level on top, or over the one on top if that has its key; space was reserved."""
    if side.count == 0 or side.levels[side.count - 1].price != key:
        side.count += 1
    side.levels[side.count - 1].price, side.levels[side.count - 1].size = key, size


cdef void _drop_empty(Side *side) noexcept:
    cdef Py_ssize_t i, kept = 0
    for i in range(side.count):
        if side.levels[i].size:
            side.levels[kept] = side.levels[i]
            kept += 1
    side.count = kept


cdef int _read_sorted(Side *side, const Level *levels, Py_ssize_t count, int sign) except -2:
    """Replace a side by wire levels that ascend; return whether they do, else the side has no meaning."""
    cdef Py_ssize_t i, kept = 0
    cdef int64_t key, size, previous = INT64_MIN
    cdef Level *to
    _reserve(side, count)
    to = side.levels
    for i in range(count):
        key, size = sign * levels[i].price, levels[i].size
        if key <= previous or size == 0:
            break
        to[kept].price, to[kept].size = key, size
        previous = key
        kept += 1
    side.count = kept
    if kept == count:
        return True
    # A price named twice or a level of size 0, or out of order: with more care.
    for i in range(kept + (kept == 0), count):
        if sign * levels[i - 1].price > sign * levels[i].price:
            return False
    for i in range(kept, count):
        _append(side, sign * levels[i].price, levels[i].size)
    _drop_empty(side)
    return True


cdef int _read_unsorted(Side *side, const Level *levels, Py_ssize_t count, int sign) except -1:
    """Replace a side by wire levels in any order."""
    cdef Py_ssize_t i
    cdef Placed *placed = <Placed *>PyMem_Realloc(NULL, count * sizeof(Placed))
    if placed == NULL:
        raise MemoryError
    for i in range(count):
        placed[i] = Placed(sign * levels[i].price, levels[i].size, i)
    qsort(placed, count, sizeof(Placed), _compare)
    side.count = 0
    for i in range(count):
        _append(side, placed[i].key, placed[i].size)
    PyMem_Free(placed)
    _drop_empty(side)
    return 0


cdef int _compare(const void *first, const void *second) noexcept nogil:
    """Order by key, and equal keys as they came: the stable sort of the twin."""
    cdef const Placed *a = <const Placed *>first
    cdef const Placed *b = <const Placed *>second
    if a.key != b.key:
        return -1 if a.key < b.key else 1
    return -1 if a.position < b.position else 1


cdef bint _looks_sorted(const Level *levels, Py_ssize_t count, int sign) noexcept nogil:
    """Check _SAMPLES + 1 evenly spaced positions, the first and the last among them."""
    cdef Py_ssize_t step
    cdef int64_t key, previous
    if count == 0:
        return True
    previous = sign * levels[0].price
    for step in range(1, _SAMPLES + 1):
        key = sign * levels[(count - 1) * step // _SAMPLES].price
        if previous > key:
            return False
        previous = key
    return True


cdef int _restore_side(Side *side, levels, int sign) except -1:
    """Replace a side by levels given best first."""
    _reserve(side, len(levels))
    side.count = 0
    for price, size in reversed(levels):
        _append(side, sign * <int64_t>price, size)
    return 0


cdef list _listed(const Side *side, int sign, depth):
    """Return levels as (price_e6, size_e6), best first; the `depth` best, None for all."""
    cdef Py_ssize_t i, below = -1
    if depth is not None:
        if depth < 0:
            raise ValueError(f"depth {depth} is not a number of levels")
        below = max(side.count - 1 - min(<object>depth, side.count), -1)
    return [
        (sign * side.levels[i].price, side.levels[i].size) for i in range(side.count - 1, below, -1)
    ]
