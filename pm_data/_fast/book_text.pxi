# The text of a book that the venue hashes, and the search for what of it is not known; pm_data/bookhash.py has the
# same in Python. checks_c.pyx includes this.

cdef inline char *_put(char *at, const char *text, Py_ssize_t length) noexcept nogil:
    memcpy(at, text, length)
    return at + length


cdef inline char *_put_text(char *at, const char *text) noexcept nogil:
    return _put(at, text, strlen(text))


cdef char *_put_whole(char *at, uint64_t value) noexcept nogil:
    cdef char[NUMBER_MAX] digits
    cdef int count = 0
    while True:
        digits[NUMBER_MAX - 1 - count] = 48 + value % 10
        value //= 10
        count += 1
        if value == 0:
            return _put(at, digits + NUMBER_MAX - count, count)


cdef char *_put_decimal(char *at, uint64_t value, int least) noexcept nogil:
    """Write millionths as a decimal, with as few decimals as it needs and no fewer than `least`."""
    cdef uint32_t decimals = value % ONE
    cdef uint32_t unit = ONE // 10
    at = _put_whole(at, value // ONE)
    if decimals or least:
        at[0] = b"."
        at += 1
    while decimals or least > 0:
        at[0] = 48 + decimals // unit
        at += 1
        decimals %= unit
        unit //= 10
        least -= 1
    return at


cdef char *_put_side(char *at, const Side *side) noexcept nogil:
    cdef Py_ssize_t i
    cdef int64_t key
    for i in range(side.count):
        key = side.levels[i].price
        at = _put_text(at, b',{"price":"' if i else b'{"price":"')
        at = _put_decimal(at, key if key > 0 else -key, 0)
        at = _put_text(at, b'","size":"')
        at = _put_decimal(at, side.levels[i].size, 0)
        at = _put_text(at, b'"}')
    return at


cdef char *_put_trade_price(char *at, int64_t price) noexcept nogil:
    """Write the end of the hashed text, from the last trade price on; it is empty before any trade."""
    if price >= 0:
        at = _put_decimal(at, price, 3)
    return _put_text(at, b'"}')


cdef pm_sha1 _with_tick(pm_sha1 sha, int64_t tick, bint neg_risk) noexcept nogil:
    """Return the state before the last trade price."""
    cdef char[NUMBER_MAX + 64] text
    cdef char *at = _put_decimal(text, tick, 0)
    at = _put_text(at, b'","neg_risk":')
    at = _put_text(at, b"true") if neg_risk else _put_text(at, b"false")
    at = _put_text(at, b',"last_trade_price":"')
    pm_sha1_update(&sha, text, at - text)
    return sha


cdef bint _matches(pm_sha1 sha, int64_t price, const unsigned char *wanted) noexcept nogil:
    cdef char[NUMBER_MAX + 8] text
    cdef unsigned char[20] digest
    pm_sha1_update(&sha, text, _put_trade_price(text, price) - text)
    pm_sha1_finish(&sha, digest)
    return memcmp(digest, wanted, 20) == 0


cdef bint _proves(
    MarketCheck market, pm_sha1 beginning, Inputs inputs, int neg_risk, const unsigned char *wanted
) noexcept:
    """Say whether these inputs give the hash, and keep them if they do."""
    if not _matches(_with_tick(beginning, inputs.tick, neg_risk), inputs.price, wanted):
        return False
    market.facts_known, market.neg_risk, market.proven = True, neg_risk, inputs
    return True


cdef bint _search(MarketCheck market, pm_sha1 beginning, int64_t tick, const unsigned char *wanted) noexcept:
    """Say whether any last trade price gives the hash with this tick size, and keep them if one does."""
    cdef pm_sha1 before_price = _with_tick(beginning, tick, market.neg_risk)
    cdef int64_t price
    for price in range(-1_000, ONE + 1, 1_000):
        if _matches(before_price, price if price >= 0 else -1, wanted):
            market.proven = Inputs(tick, price if price >= 0 else -1)
            return True
    return False
