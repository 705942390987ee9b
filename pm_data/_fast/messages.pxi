# The scanner: a frame's messages to operations, without the interpreter lock. decode_c.pyx includes this.
# NULL and False stand for all that the Python twin must judge, want of memory among it.

cdef bint scan_begin(Scan *scan) noexcept nogil:
    """Make an empty scan; False without memory. `scan_end` frees it either way."""
    memset(scan, 0, sizeof(Scan))
    return names_begin(&scan.tokens) and names_begin(&scan.markets)


cdef void scan_end(Scan *scan) noexcept nogil:
    names_end(&scan.tokens)
    names_end(&scan.markets)
    free(scan.last)
    free(scan.legs)
    free(scan.ops)
    free(scan.texts)
    free(scan.levels)


cdef bint scan_frame(Scan *scan, const char *at, const char *end) noexcept nogil:
    """Append a whole frame's operations and count its messages; where that is False nothing has changed."""
    cdef Py_ssize_t ops = scan.op_count, levels = scan.level_count
    cdef Counts counts = scan.counts
    if _scan_messages(scan, at, end) and mark_last(scan, ops):
        return True
    scan.op_count, scan.level_count, scan.counts = ops, levels, counts
    return _scan_new_market(scan, at, end)


cdef bint _scan_messages(Scan *scan, const char *at, const char *end) noexcept nogil:
    """Read one message or a list of them, to the frame's end."""
    at = _space(at)
    if at[0] == b"[":
        at += 1
        while True:
            at = _scan_message(scan, _space(at), end)
            if at == NULL:
                return False
            at = _space(at)
            if at[0] == b",":
                at += 1
            elif at[0] == b"]":
                at += 1
                break
            else:
                return False
    else:
        at = _scan_message(scan, at, end)
        if at == NULL:
            return False
    return _space(at) == end


cdef const char *_scan_message(Scan *scan, const char *at, const char *end) noexcept nogil:
    """Read one object and append its operations; return what follows it, or NULL."""
    cdef Text key, market, asset_id, timestamp, event_type, tick, last_price, price, size, side, book_hash
    cdef Text other
    cdef Text *value
    cdef int seen = 0, bit
    cdef Py_ssize_t first_bid = 0, first_ask = 0, bids = 0, asks = 0, first_op = scan.op_count
    cdef int32_t market_number = -1
    cdef int64_t ts_event
    cdef Op *op
    cdef const char *after = _scan_price_change(scan, at, end)
    if after != NULL:
        return after
    scan.op_count = first_op
    if at[0] != b"{":
        return NULL
    at = _space(at + 1)
    while True:
        at = pm_string(at, end, &key)
        if at == NULL:
            return NULL
        bit = _key(key)
        if bit == 0 or seen & bit:
            return NULL
        seen |= bit
        at = _space(at)
        if at[0] != b":":
            return NULL
        at = _space(at + 1)
        if bit == KEY_BIDS:
            at = _scan_levels(scan, at, end, &first_bid, &bids)
        elif bit == KEY_ASKS:
            at = _scan_levels(scan, at, end, &first_ask, &asks)
        elif bit == KEY_PRICE_CHANGES:
            at = _scan_changes(scan, at, end)
        else:
            if bit == KEY_MARKET:
                value = &market
            elif bit == KEY_ASSET_ID:
                value = &asset_id
            elif bit == KEY_TIMESTAMP:
                value = &timestamp
            elif bit == KEY_EVENT_TYPE:
                value = &event_type
            elif bit == KEY_TICK_SIZE:
                value = &tick
            elif bit == KEY_LAST_TRADE_PRICE:
                value = &last_price
            elif bit == KEY_PRICE:
                value = &price
            elif bit == KEY_SIZE:
                value = &size
            elif bit == KEY_SIDE:
                value = &side
            elif bit == KEY_HASH:
                value = &book_hash
            else:
                value = &other
            at = pm_string(at, end, value)
        if at == NULL:
            return NULL
        at = _space(at)
        if at[0] == b",":
            at = _space(at + 1)
        elif at[0] == b"}":
            at += 1
            break
        else:
            return NULL
    if not (seen & KEY_EVENT_TYPE and seen & KEY_TIMESTAMP):
        return NULL
    ts_event = _nanoseconds(timestamp)
    if ts_event < 0:
        return NULL
    if seen & KEY_MARKET:
        market_number = names_number(&scan.markets, market.at, market.length)
        if market_number < 0:
            return NULL
    if _same(event_type, b"price_change", 12):
        if seen & CHANGE_NEEDS != CHANGE_NEEDS or seen & ~CHANGE_MAY:
            return NULL
        _complete_changes(scan, first_op, market_number, ts_event)
        return at
    if seen & KEY_PRICE_CHANGES:
        return NULL
    if _same(event_type, b"book", 4):
        if seen & BOOK_NEEDS != BOOK_NEEDS or seen & ~BOOK_MAY:
            return NULL
        op = new_op(scan)
        if op == NULL:
            return NULL
        op.kind = OP_BOOK
        op.first_bid, op.bids, op.first_ask, op.asks = first_bid, bids, first_ask, asks
        op.price = op.size = -1
        if not seen & KEY_HASH:
            book_hash.at = NULL
        if scan.keeps_texts:
            op_texts(scan).hash = book_hash
        if seen & KEY_TICK_SIZE and tick.length:
            op.price = _price(tick)
            if op.price < 0:
                return NULL
        if seen & KEY_LAST_TRADE_PRICE and last_price.length:
            op.size = _price(last_price)
            if op.size < 0:
                return NULL
        scan.counts.books += 1
    elif _same(event_type, b"last_trade_price", 16):
        if seen & TRADE_NEEDS != TRADE_NEEDS or seen & ~TRADE_MAY:
            return NULL
        op = new_op(scan)
        if op == NULL:
            return NULL
        op.kind = OP_TRADE
        op.price, op.size, op.side = _price(price), _size(size), _side(side)
        if op.price < 0 or op.size < 0 or op.side < 0:
            return NULL
        scan.counts.trades += 1
    else:
        return NULL
    op.market, op.ts_event = market_number, ts_event
    op.token = _token(scan, asset_id)
    return NULL if op.token < 0 else at


cdef const char *_scan_price_change(Scan *scan, const char *at, const char *end) noexcept nogil:
    """Read a price_change in the venue's own key order and white space; return what follows it, or NULL."""
    cdef Text market
    cdef UsualEntry entry
    cdef Py_ssize_t first_op = scan.op_count
    cdef int64_t ts_event
    cdef int32_t number
    cdef bint spaced
    cdef Op *op
    cdef int32_t *legs
    at = pm_usual_head(at, end, &market, &spaced)
    if at == NULL or at[0] != b"[":
        return NULL
    number = names_number(&scan.markets, market.at, market.length)
    legs = NULL if number < 0 else _legs(scan, number)
    if legs == NULL:
        return NULL
    at += 1
    while True:
        entry.words[0] = NULL if legs[0] < 0 else &scan.tokens.words[legs[0]]
        entry.words[1] = NULL if legs[1] < 0 else &scan.tokens.words[legs[1]]
        at = pm_read_usual_entry(at, end, spaced, &entry)
        if at == NULL or not 0 < entry.price <= _MAX_PRICE or entry.size > _MAX_SIZE:
            return NULL
        op = new_op(scan)
        if op == NULL:
            return NULL
        op.kind = OP_CHANGE
        op.price, op.size, op.side, op.market = entry.price, entry.size, entry.side, number
        if scan.keeps_texts:
            op_texts(scan)[0] = OpTexts(entry.hash, entry.best_bid, entry.best_ask)
        if entry.known:
            op.token = legs[entry.known - 1]
        else:
            op.token = _token(scan, entry.asset_id)
            if op.token < 0:
                return NULL
            if legs[0] < 0:
                legs[0] = op.token
            elif legs[1] < 0:
                legs[1] = op.token
        if at[0] == b",":
            at += 1 + spaced
            if spaced and at[-1] != b" ":
                return NULL
        elif at[0] == b"]":
            break
        else:
            return NULL
    at = pm_usual_tail(at + 1, end, spaced, &ts_event)
    if at != NULL:
        _complete_changes(scan, first_op, number, ts_event)
    return at


cdef void _complete_changes(Scan *scan, Py_ssize_t first_op, int32_t market, int64_t ts_event) noexcept nogil:
    """Give the operations of a price_change what stands beside its list."""
    cdef Py_ssize_t i
    for i in range(first_op, scan.op_count):
        scan.ops[i].market = market
        scan.ops[i].ts_event = ts_event
    scan.counts.changes += 1


cdef const char *_scan_levels(
    Scan *scan, const char *at, const char *end, Py_ssize_t *first, Py_ssize_t *count
) noexcept nogil:
    """Read a list of {price, size} and append its levels; return what follows it, or NULL."""
    cdef Text price, size
    cdef const char *after
    cdef Level *level
    cdef bint spaced = False
    first[0] = scan.level_count
    if at[0] != b"[":
        return NULL
    at = _space(at + 1)
    if at[0] == b"]":
        return at + 1
    while True:
        level = new_level(scan)
        if level == NULL:
            return NULL
        after = pm_usual_level(at, end, spaced, &level.price, &level.size)
        if after == NULL:
            spaced = not spaced  # of this level, or of all to come
            after = pm_usual_level(at, end, spaced, &level.price, &level.size)
        if after == NULL:
            after = _level(at, end, &price, &size)
            if after == NULL:
                return NULL
            level.price, level.size = _number(price), _number(size)
        if not 0 < level.price <= _MAX_PRICE or not 0 <= level.size <= _MAX_SIZE:
            return NULL
        at = _space(after)
        if at[0] == b",":
            at = _space(at + 1)
        elif at[0] == b"]":
            count[0] = scan.level_count - first[0]
            return at + 1
        else:
            return NULL


cdef const char *_scan_changes(Scan *scan, const char *at, const char *end) noexcept nogil:
    """Read the list of a price_change and append its operations; return what follows it, or NULL."""
    cdef Entry entry
    cdef Op *op
    if at[0] != b"[":
        return NULL
    at = _space(at + 1)
    while True:
        at = _entry(at, end, &entry)
        if at == NULL:
            return NULL
        op = new_op(scan)
        if op == NULL:
            return NULL
        op.kind = OP_CHANGE
        op.price, op.size, op.side = _price(entry.price), _size(entry.size), _side(entry.side)
        if scan.keeps_texts:
            op_texts(scan)[0] = OpTexts(entry.hash, entry.best_bid, entry.best_ask)
        if op.price < 0 or op.size < 0 or op.side < 0:
            return NULL
        op.token = _token(scan, entry.asset_id)
        if op.token < 0:
            return NULL
        at = _space(at)
        if at[0] == b",":
            at = _space(at + 1)
        elif at[0] == b"]":
            return at + 1
        else:
            return NULL


cdef int32_t _token(Scan *scan, Text asset_id) noexcept nogil:
    """Return the number of an asset id; -1 when the text is none."""
    cdef uint64_t code = pm_hash(asset_id.at, asset_id.length)
    cdef int32_t number = names_find(&scan.tokens, asset_id.at, asset_id.length, code)
    if number >= 0:
        return number
    return names_add(&scan.tokens, asset_id.at, asset_id.length, code) if _plain_id(asset_id) else -1


cdef int32_t *_legs(Scan *scan, int32_t market) noexcept nogil:
    """Return where the tokens of a market are remembered, NULL without memory."""
    cdef int32_t capacity = scan.legs_capacity, i
    cdef int32_t *legs
    if market >= capacity:
        capacity = 2 * market + 64
        legs = <int32_t *>realloc(scan.legs, 2 * capacity * sizeof(int32_t))
        if legs == NULL:
            return NULL
        memset(legs + 2 * scan.legs_capacity, 255, 2 * (capacity - scan.legs_capacity) * sizeof(int32_t))
        scan.legs, scan.legs_capacity = legs, capacity
    return scan.legs + 2 * market


cdef bint mark_last(Scan *scan, Py_ssize_t first) noexcept nogil:
    """Mark each token's last book operation among those from `first` on; False without memory."""
    cdef Py_ssize_t i
    cdef int32_t *last
    cdef Op *op
    if scan.tokens.count > scan.last_capacity:
        last = <int32_t *>realloc(scan.last, scan.tokens.capacity * sizeof(int32_t))
        if last == NULL:
            return False
        scan.last, scan.last_capacity = last, scan.tokens.capacity
    for i in range(first, scan.op_count):
        op = &scan.ops[i]
        if op.kind == OP_BOOK or op.kind == OP_CHANGE:
            scan.last[op.token] = i
    for i in range(first, scan.op_count):
        op = &scan.ops[i]
        op.is_last = op.kind <= OP_CHANGE and scan.last[op.token] == i
    return True


cdef inline Op *new_op(Scan *scan) noexcept nogil:
    """Return a further operation, NULL without memory."""
    if scan.op_count == scan.op_capacity and not _grow_ops(scan):
        return NULL
    scan.op_count += 1
    return &scan.ops[scan.op_count - 1]


cdef inline OpTexts *op_texts(Scan *scan) noexcept nogil:
    """Return the texts of the last operation, where they are kept."""
    return &scan.texts[scan.op_count - 1]


cdef bint _grow_ops(Scan *scan) noexcept nogil:
    cdef Py_ssize_t capacity = 2 * scan.op_capacity + 64
    cdef Op *ops = <Op *>realloc(scan.ops, capacity * sizeof(Op))
    cdef OpTexts *texts
    if ops == NULL:
        return False
    scan.ops = ops
    if scan.keeps_texts:
        texts = <OpTexts *>realloc(scan.texts, capacity * sizeof(OpTexts))
        if texts == NULL:
            return False
        scan.texts = texts
    scan.op_capacity = capacity
    return True


cdef inline Level *new_level(Scan *scan) noexcept nogil:
    """Return a further level, NULL without memory."""
    cdef Py_ssize_t capacity
    cdef Level *levels
    if scan.level_count == scan.level_capacity:
        capacity = 2 * scan.level_capacity + 256
        levels = <Level *>realloc(scan.levels, capacity * sizeof(Level))
        if levels == NULL:
            return NULL
        scan.levels, scan.level_capacity = levels, capacity
    scan.level_count += 1
    return &scan.levels[scan.level_count - 1]
