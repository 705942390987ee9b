# How the compiled decoder reads text: plain printable ASCII only, NULL or -1 for all that the twin must judge.
# decode_c.pyx includes this. The verbatim C is what has to be inlined.

cdef enum:
    KEY_MARKET = 1
    KEY_ASSET_ID = 2
    KEY_TIMESTAMP = 4
    KEY_HASH = 8
    KEY_BIDS = 16
    KEY_ASKS = 32
    KEY_TICK_SIZE = 64
    KEY_EVENT_TYPE = 128
    KEY_LAST_TRADE_PRICE = 256
    KEY_PRICE_CHANGES = 512
    KEY_PRICE = 1024
    KEY_SIZE = 2048
    KEY_SIDE = 4096
    KEY_FEE_RATE_BPS = 8192
    KEY_TRANSACTION_HASH = 16384
    KEY_BEST_BID = 32768
    KEY_BEST_ASK = 65536

    BOOK_NEEDS = KEY_ASSET_ID | KEY_TIMESTAMP | KEY_BIDS | KEY_ASKS | KEY_EVENT_TYPE
    BOOK_MAY = BOOK_NEEDS | KEY_MARKET | KEY_HASH | KEY_TICK_SIZE | KEY_LAST_TRADE_PRICE
    CHANGE_NEEDS = KEY_PRICE_CHANGES | KEY_TIMESTAMP | KEY_EVENT_TYPE
    CHANGE_MAY = CHANGE_NEEDS | KEY_MARKET
    TRADE_NEEDS = KEY_ASSET_ID | KEY_TIMESTAMP | KEY_EVENT_TYPE | KEY_PRICE | KEY_SIZE | KEY_SIDE
    TRADE_MAY = TRADE_NEEDS | KEY_MARKET | KEY_FEE_RATE_BPS | KEY_TRANSACTION_HASH
    ENTRY_NEEDS = KEY_ASSET_ID | KEY_PRICE | KEY_SIZE | KEY_SIDE
    ENTRY_MAY = ENTRY_NEEDS | KEY_HASH | KEY_BEST_BID | KEY_BEST_ASK

cdef int64_t _MAX_PRICE = MAX_PRICE_E6
cdef int64_t _MAX_SIZE = MAX_SIZE_E6
cdef int64_t _MAX_MILLISECONDS = 9_223_372_036_854  # × 10**6 still fits int64
cdef int64_t[7] _SCALE = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1]

cdef inline const char *_space(const char *at) noexcept nogil:
    while at[0] == b" " or at[0] == b"\n" or at[0] == b"\r" or at[0] == b"\t":
        at += 1
    return at


cdef extern from *:
    """
    #include <string.h>
    #ifdef __SSE2__
    #include <emmintrin.h>
    #endif

    typedef struct { pm_text asset_id, price, size, side, hash, best_bid, best_ask; } pm_entry;

    #define PM_INLINE static inline __attribute__((always_inline))

    /* Return the quote that ends a string of plain printable ASCII; NULL when anything else comes first. */
    PM_INLINE const char *pm_closing_quote(const char *at, const char *end) {
    #ifdef __SSE2__
        const __m128i space = _mm_set1_epi8(32), quote = _mm_set1_epi8('"');
        const __m128i backslash = _mm_set1_epi8(92), delete = _mm_set1_epi8(127);
        while (end - at >= 16) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)at);
            /* signed: what is not ASCII is negative, and so less than a space, too */
            __m128i special = _mm_or_si128(
                _mm_or_si128(_mm_cmplt_epi8(bytes, space), _mm_cmpeq_epi8(bytes, quote)),
                _mm_or_si128(_mm_cmpeq_epi8(bytes, backslash), _mm_cmpeq_epi8(bytes, delete)));
            int mask = _mm_movemask_epi8(special);
            if (mask) {
                at += __builtin_ctz(mask);
                return *at == '"' ? at : NULL;
            }
            at += 16;
        }
    #endif
        for (; at < end; at++) {
            unsigned char letter = (unsigned char)*at;
            if (letter == '"') return at;
            if (letter < 32 || letter > 126 || letter == 92) return NULL;
        }
        return NULL;
    }

    /* Read a string of plain printable ASCII; return what follows it, or NULL. */
    PM_INLINE const char *pm_string(const char *at, const char *end, pm_text *text) {
        const char *quote;
        if (*at != '"') return NULL;
        quote = pm_closing_quote(at + 1, end);
        if (quote == NULL) return NULL;
        text->at = at + 1;
        text->length = quote - text->at;
        return quote + 1;
    }

    /* Read one key that must be `key`, quotes and all, and its text; the venue writes at most one space. */
    PM_INLINE const char *pm_field(
        const char *at, const char *end, const char *key, Py_ssize_t length, pm_text *text
    ) {
        if (end - at <= length || memcmp(at, key, length) != 0) return NULL;
        at += length;
        if (*at != ':') return NULL;
        at++;
        if (*at == ' ') at++;
        return pm_string(at, end, text);
    }

    PM_INLINE const char *pm_comma(const char *at) {
        if (*at != ',') return NULL;
        return at[1] == ' ' ? at + 2 : at + 1;
    }

    #define PM_FIELD(key, text) \
        if ((at = pm_field(at, end, key, sizeof(key) - 1, text)) == NULL) return NULL
    #define PM_COMMA() if ((at = pm_comma(at)) == NULL) return NULL

    /* Read an entry of price_changes in the venue's own key order, from its brace to behind it; or NULL. */
    static const char *pm_usual_entry(const char *at, const char *end, pm_entry *entry) {
        if (*at++ != '{') return NULL;
        PM_FIELD("\\"asset_id\\"", &entry->asset_id);
        PM_COMMA();
        PM_FIELD("\\"price\\"", &entry->price);
        PM_COMMA();
        PM_FIELD("\\"size\\"", &entry->size);
        PM_COMMA();
        PM_FIELD("\\"side\\"", &entry->side);
        PM_COMMA();
        PM_FIELD("\\"hash\\"", &entry->hash);
        PM_COMMA();
        PM_FIELD("\\"best_bid\\"", &entry->best_bid);
        PM_COMMA();
        PM_FIELD("\\"best_ask\\"", &entry->best_ask);
        return *at == '}' ? at + 1 : NULL;
    }

    /* Read {"price": ..., "size": ...} in the venue's own way; return what follows, or NULL. */
    static const char *pm_usual_level(const char *at, const char *end, pm_text *price, pm_text *size) {
        if (*at++ != '{') return NULL;
        PM_FIELD("\\"price\\"", price);
        PM_COMMA();
        PM_FIELD("\\"size\\"", size);
        return *at == '}' ? at + 1 : NULL;
    }

    /* Read {"market": ..., "price_changes": up to its value; return where that stands, or NULL. */
    static const char *pm_usual_head(const char *at, const char *end, pm_text *market) {
        static const char key[] = "\\"price_changes\\":";
        if (*at++ != '{') return NULL;
        PM_FIELD("\\"market\\"", market);
        PM_COMMA();
        if (end - at <= (Py_ssize_t)sizeof(key) || memcmp(at, key, sizeof(key) - 1) != 0) return NULL;
        at += sizeof(key) - 1;
        return *at == ' ' ? at + 1 : at;
    }

    /* Read the rest of that message, from behind its list; return what follows it, or NULL. */
    static const char *pm_usual_tail(const char *at, const char *end, pm_text *timestamp) {
        pm_text event_type;
        PM_COMMA();
        PM_FIELD("\\"timestamp\\"", timestamp);
        PM_COMMA();
        PM_FIELD("\\"event_type\\"", &event_type);
        if (event_type.length != 12 || memcmp(event_type.at, "price_change", 12) != 0) return NULL;
        return *at == '}' ? at + 1 : NULL;
    }

    PM_INLINE uint64_t pm_mix(uint64_t value, uint64_t first, uint64_t second) {
        unsigned __int128 product =
            (unsigned __int128)(first ^ value ^ 0xA0761D6478BD642FULL) * (second ^ 0xE7037ED1A0B428DBULL);
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }

    /* Mix a text sixteen bytes at a time by the full product of two halves (as wyhash does). */
    static inline uint64_t pm_hash(const char *text, Py_ssize_t length) {
        uint64_t value = 0x9E3779B97F4A7C15ULL ^ (uint64_t)length, first = 0, second = 0;
        const char *end = text + length;
        if (length < 16) {
            while (text < end) first = first * 31 + (unsigned char)*text++;
            return pm_mix(value, first, second);
        }
        for (; end - text > 16; text += 16) {
            memcpy(&first, text, 8);
            memcpy(&second, text + 8, 8);
            value = pm_mix(value, first, second);
        }
        memcpy(&first, end - 16, 8);
        memcpy(&second, end - 8, 8);
        return pm_mix(value, first, second);
    }
    """
    ctypedef struct Entry "pm_entry":
        Text asset_id
        Text price
        Text size
        Text side
        Text hash
        Text best_bid
        Text best_ask
    const char *pm_string(const char *at, const char *end, Text *text) noexcept nogil
    const char *pm_usual_entry(const char *at, const char *end, Entry *entry) noexcept nogil
    const char *pm_usual_level(const char *at, const char *end, Text *price, Text *size) noexcept nogil
    const char *pm_usual_head(const char *at, const char *end, Text *market) noexcept nogil
    const char *pm_usual_tail(const char *at, const char *end, Text *timestamp) noexcept nogil
    uint64_t pm_hash(const char *text, Py_ssize_t length) noexcept nogil


cdef inline bint _same(Text text, const char *word, Py_ssize_t length) noexcept nogil:
    return text.length == length and memcmp(text.at, word, length) == 0


cdef int _key(Text text) noexcept nogil:
    """Return the KEY_ bit of a known key, or 0."""
    if text.length == 4:
        if memcmp(text.at, b"size", 4) == 0:
            return KEY_SIZE
        if memcmp(text.at, b"side", 4) == 0:
            return KEY_SIDE
        if memcmp(text.at, b"hash", 4) == 0:
            return KEY_HASH
        if memcmp(text.at, b"bids", 4) == 0:
            return KEY_BIDS
        if memcmp(text.at, b"asks", 4) == 0:
            return KEY_ASKS
    elif text.length == 5:
        if memcmp(text.at, b"price", 5) == 0:
            return KEY_PRICE
    elif text.length == 6:
        if memcmp(text.at, b"market", 6) == 0:
            return KEY_MARKET
    elif text.length == 8:
        if memcmp(text.at, b"asset_id", 8) == 0:
            return KEY_ASSET_ID
        if memcmp(text.at, b"best_bid", 8) == 0:
            return KEY_BEST_BID
        if memcmp(text.at, b"best_ask", 8) == 0:
            return KEY_BEST_ASK
    elif text.length == 9:
        if memcmp(text.at, b"timestamp", 9) == 0:
            return KEY_TIMESTAMP
        if memcmp(text.at, b"tick_size", 9) == 0:
            return KEY_TICK_SIZE
    elif text.length == 10:
        if memcmp(text.at, b"event_type", 10) == 0:
            return KEY_EVENT_TYPE
    elif text.length == 12:
        if memcmp(text.at, b"fee_rate_bps", 12) == 0:
            return KEY_FEE_RATE_BPS
    elif text.length == 13:
        if memcmp(text.at, b"price_changes", 13) == 0:
            return KEY_PRICE_CHANGES
    elif text.length == 16:
        if memcmp(text.at, b"last_trade_price", 16) == 0:
            return KEY_LAST_TRADE_PRICE
        if memcmp(text.at, b"transaction_hash", 16) == 0:
            return KEY_TRANSACTION_HASH
    return 0


cdef int64_t _number(Text text) noexcept nogil:
    """Return a decimal of at most 10 whole digits and 6 decimals in e6; -1 for any other text."""
    cdef const char *at = text.at
    cdef const char *end = at + text.length
    cdef const char *point
    cdef int64_t value = 0
    cdef Py_ssize_t decimals
    while at < end and b"0" <= at[0] <= b"9":
        value = value * 10 + (at[0] - 48)
        at += 1
        if at - text.at > 10:
            return -1
    if at == end:
        return -1 if text.length == 0 else value * 1_000_000
    if at[0] != b".":
        return -1
    at += 1
    point = at
    while at < end and b"0" <= at[0] <= b"9":
        if at - point == 6:
            return -1
        value = value * 10 + (at[0] - 48)
        at += 1
    decimals = at - point
    if at != end or decimals == 0:
        return -1
    return value * _SCALE[decimals]


cdef inline int64_t _price(Text text) noexcept nogil:
    cdef int64_t value = _number(text)
    return value if 0 < value <= _MAX_PRICE else -1


cdef inline int64_t _size(Text text) noexcept nogil:
    cdef int64_t value = _number(text)
    return value if value <= _MAX_SIZE else -1


cdef int64_t _nanoseconds(Text text) noexcept nogil:
    """Return milliseconds text in ns; -1 for what the twin must judge."""
    cdef int64_t value = 0
    cdef Py_ssize_t i
    if not 1 <= text.length <= 13:
        return -1
    for i in range(text.length):
        if not b"0" <= text.at[i] <= b"9":
            return -1
        value = value * 10 + (text.at[i] - 48)
    return value * 1_000_000 if value <= _MAX_MILLISECONDS else -1


cdef inline int _side(Text text) noexcept nogil:
    """Return 1 for BUY, 0 for SELL, -1 for any other text."""
    if _same(text, b"BUY", 3):
        return 1
    if _same(text, b"SELL", 4):
        return 0
    return -1


cdef bint _plain_id(Text text) noexcept nogil:
    """Say whether printable ASCII is an asset id: 1 to 128 letters, no space and no `|`."""
    cdef Py_ssize_t i
    if not 1 <= text.length <= 128:
        return False
    for i in range(text.length):
        if text.at[i] == b" " or text.at[i] == b"|":
            return False
    return True


cdef const char *_level(const char *at, const char *end, Text *price, Text *size) noexcept nogil:
    """Read {"price": ..., "size": ...} in that order and any white space; return what follows, or NULL."""
    cdef Text key
    if at[0] != b"{":
        return NULL
    at = pm_string(_space(at + 1), end, &key)
    if at == NULL or not _same(key, b"price", 5):
        return NULL
    at = _space(at)
    if at[0] != b":":
        return NULL
    at = pm_string(_space(at + 1), end, price)
    if at == NULL:
        return NULL
    at = _space(at)
    if at[0] != b",":
        return NULL
    at = pm_string(_space(at + 1), end, &key)
    if at == NULL or not _same(key, b"size", 4):
        return NULL
    at = _space(at)
    if at[0] != b":":
        return NULL
    at = pm_string(_space(at + 1), end, size)
    if at == NULL:
        return NULL
    at = _space(at)
    return at + 1 if at[0] == b"}" else NULL


cdef const char *_entry(const char *at, const char *end, Entry *entry) noexcept nogil:
    """Read an entry of price_changes in any order of its keys; return what follows it, or NULL."""
    cdef Text key
    cdef Text *value
    cdef int seen = 0, bit
    if at[0] != b"{":
        return NULL
    at = _space(at + 1)
    entry.hash.at = entry.best_bid.at = entry.best_ask.at = NULL
    while True:
        at = pm_string(at, end, &key)
        if at == NULL:
            return NULL
        bit = _key(key)
        if not bit & ENTRY_MAY or seen & bit:
            return NULL
        seen |= bit
        at = _space(at)
        if at[0] != b":":
            return NULL
        if bit == KEY_ASSET_ID:
            value = &entry.asset_id
        elif bit == KEY_PRICE:
            value = &entry.price
        elif bit == KEY_SIZE:
            value = &entry.size
        elif bit == KEY_SIDE:
            value = &entry.side
        elif bit == KEY_HASH:
            value = &entry.hash
        elif bit == KEY_BEST_BID:
            value = &entry.best_bid
        else:
            value = &entry.best_ask
        at = pm_string(_space(at + 1), end, value)
        if at == NULL:
            return NULL
        at = _space(at)
        if at[0] == b",":
            at = _space(at + 1)
        elif at[0] == b"}":
            return at + 1 if seen & ENTRY_NEEDS == ENTRY_NEEDS else NULL
        else:
            return NULL
