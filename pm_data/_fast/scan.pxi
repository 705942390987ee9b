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
    typedef struct {
        const pm_word *words[2];  /* the tokens that it may well be of; NULL where there is none */
        int known;                /* which of them it is, from 1; 0 for neither */
        pm_text asset_id, hash, best_bid, best_ask;
        int64_t price, size;
        int side;
    } pm_usual_entry;

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

    PM_INLINE uint64_t pm_load(const char *at) {
        uint64_t word;
        memcpy(&word, at, 8);
        return word;
    }

    /* Return the high bit of each byte that is zero, right up to the first of them. */
    PM_INLINE uint64_t pm_zeros(uint64_t word) {
        return (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;
    }

    PM_INLINE int pm_all_digits(uint64_t word) {
        return ((word & 0xF0F0F0F0F0F0F0F0ULL) | (((word + 0x0606060606060606ULL) & 0xF0F0F0F0F0F0F0F0ULL) >> 4))
            == 0x3333333333333333ULL;
    }

    /* Return the value of eight digits, the first in the lowest byte. */
    PM_INLINE uint64_t pm_eight_digits(uint64_t word) {
        word -= 0x3030303030303030ULL;
        word = word * 10 + (word >> 8);
        return ((word & 0x000000FF000000FFULL) * 0x000F424000000064ULL
            + ((word >> 16) & 0x000000FF000000FFULL) * 0x0000271000000001ULL) >> 32;
    }

    static const int64_t pm_scale[7] = {1000000, 100000, 10000, 1000, 100, 10, 1};

    /* Read digits, at most 10, and 1 to 6 decimals or no point, up to a quote; leave e6, return the quote or NULL. */
    static const char *pm_long_decimal(const char *at, const char *end, int64_t *value) {
        const char *first = at, *point;
        int64_t digits = 0;
        for (; at < end && *at >= '0' && *at <= '9'; at++) {
            if (at - first == 10) return NULL;
            digits = digits * 10 + (*at - '0');
        }
        if (at >= end) return NULL;
        if (*at == '"') {
            *value = digits * 1000000;
            return at == first ? NULL : at;
        }
        if (*at != '.') return NULL;
        for (point = ++at; at < end && *at >= '0' && *at <= '9'; at++) {
            if (at - point == 6) return NULL;
            digits = digits * 10 + (*at - '0');
        }
        if (at >= end || *at != '"' || at == point) return NULL;
        *value = digits * pm_scale[at - point];
        return at;
    }

    /* The same; a text of up to seven bytes in a handful of steps without a loop. */
    PM_INLINE const char *pm_decimal(const char *at, const char *end, int64_t *value) {
    #if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        if (end - at >= 8) {
            uint64_t word = pm_load(at), quotes = pm_zeros(word ^ 0x2222222222222222ULL);
            if (quotes) {
                int bits = __builtin_ctzll(quotes) - 7, digits = bits, decimals = 0;
                uint64_t points, text = word & ((1ULL << bits) - 1);
                points = pm_zeros(word ^ 0x2E2E2E2E2E2E2E2EULL) & ((1ULL << bits) - 1);
                if (points) {
                    int point = __builtin_ctzll(points) - 7;
                    uint64_t whole = (1ULL << point) - 1;
                    text = (text & whole) | (text >> 8 & ~whole);
                    digits = bits - 8;
                    decimals = (digits - point) / 8;
                    if (decimals == 0) return NULL;
                }
                if (digits == 0) return NULL;
                text = text << (64 - digits) | 0x3030303030303030ULL >> digits;
                if (!pm_all_digits(text)) return NULL;
                *value = (int64_t)pm_eight_digits(text) * pm_scale[decimals];
                return at + bits / 8;
            }
        }
    #endif
        return pm_long_decimal(at, end, value);
    }

    /* Read the thirteen digits of a time of our days in ms and their closing quote; leave ns, return the quote or NULL. */
    PM_INLINE const char *pm_milliseconds(const char *at, const char *end, int64_t *value) {
    #if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        uint64_t first, last;
        if (end - at < 14 || at[13] != '"') return NULL;
        first = pm_load(at);
        last = pm_load(at + 5);
        /* up to 8,999,999,999,999 ms: in ns that fits int64 */
        if (!pm_all_digits(first) || !pm_all_digits(last) || *at == '9') return NULL;
        *value = (int64_t)(pm_eight_digits(first) * 100000 + pm_eight_digits(last) % 100000) * 1000000;
        return at + 13;
    #else
        return NULL;
    #endif
    }

    /* Return whether these bytes, 16 or more, are plain printable ASCII without a quote. */
    PM_INLINE int pm_all_plain(const char *at, Py_ssize_t length) {
    #ifdef __SSE2__
        const __m128i space = _mm_set1_epi8(32), quote = _mm_set1_epi8('"');
        const __m128i backslash = _mm_set1_epi8(92), delete = _mm_set1_epi8(127);
        __m128i special = _mm_setzero_si128();
        for (Py_ssize_t place = 0; place < length; place += 16) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)(at + (place + 16 > length ? length - 16 : place)));
            special = _mm_or_si128(special, _mm_or_si128(
                _mm_or_si128(_mm_cmplt_epi8(bytes, space), _mm_cmpeq_epi8(bytes, quote)),
                _mm_or_si128(_mm_cmpeq_epi8(bytes, backslash), _mm_cmpeq_epi8(bytes, delete))));
        }
        return _mm_movemask_epi8(special) == 0;
    #else
        return pm_closing_quote(at, at + length + 1) == at + length;
    #endif
    }

    /* Read a text up to its quote, which is where it usually is, `usual` bytes on; or NULL. */
    PM_INLINE const char *pm_usual_text(const char *at, const char *end, Py_ssize_t usual, pm_text *text) {
        if (end - at <= usual || at[usual] != '"' || !pm_all_plain(at, usual)) return NULL;
        text->at = at;
        text->length = usual;
        return at + usual;
    }

    /* Read a short text up to its quote; or NULL. */
    PM_INLINE const char *pm_short_text(const char *at, const char *end, pm_text *text) {
        const char *quote = pm_closing_quote(at, end);
        if (quote == NULL) return NULL;
        text->at = at;
        text->length = quote - at;
        return quote;
    }

    /* Compare texts of one length; a name is long, and where two differ is nothing to anybody. */
    PM_INLINE int pm_same(const char *first, const char *second, Py_ssize_t length) {
    #ifdef __SSE2__
        __m128i differing = _mm_setzero_si128();
        if (length < 16) return memcmp(first, second, length) == 0;
        for (Py_ssize_t place = 0; place < length; place += 16) {
            Py_ssize_t at = place + 16 > length ? length - 16 : place;
            differing = _mm_or_si128(differing, _mm_xor_si128(
                _mm_loadu_si128((const __m128i *)(first + at)), _mm_loadu_si128((const __m128i *)(second + at))));
        }
        return _mm_movemask_epi8(_mm_cmpeq_epi8(differing, _mm_setzero_si128())) == 0xFFFF;
    #else
        return memcmp(first, second, length) == 0;
    #endif
    }

    /* Return the quote behind this very word; or NULL. */
    PM_INLINE const char *pm_that_word(const char *at, const char *end, const pm_word *word) {
        return end - at > word->length && at[word->length] == '"' && pm_same(at, word->text, word->length)
            ? at + word->length : NULL;
    }

    #define PM_EXPECT_THIS(words) { \
        if (end - at < (Py_ssize_t)sizeof(words) - 1 || memcmp(at, words, sizeof(words) - 1) != 0) return NULL; \
        at += sizeof(words) - 1; \
    }

    /* The venue writes a space after each comma, or none at all. */
    #define PM_EXPECT(with_spaces, without) \
        if (spaced) PM_EXPECT_THIS(with_spaces) else PM_EXPECT_THIS(without)

    PM_INLINE const char *pm_entry_in_order(const char *at, const char *end, const int spaced, pm_usual_entry *entry) {
        const char *quote;
        PM_EXPECT_THIS("{\\"asset_id\\":\\"")
        entry->known = 0;
        entry->asset_id.at = at;
        if (entry->words[0] != NULL && (quote = pm_that_word(at, end, entry->words[0])) != NULL) entry->known = 1;
        else if (entry->words[1] != NULL && (quote = pm_that_word(at, end, entry->words[1])) != NULL) entry->known = 2;
        else if ((quote = pm_closing_quote(at, end)) == NULL) return NULL;
        entry->asset_id.length = quote - at;
        at = quote;
        PM_EXPECT("\\", \\"price\\":\\"", "\\",\\"price\\":\\"")
        if ((at = pm_decimal(at, end, &entry->price)) == NULL) return NULL;
        PM_EXPECT("\\", \\"size\\":\\"", "\\",\\"size\\":\\"")
        if ((at = pm_decimal(at, end, &entry->size)) == NULL) return NULL;
        PM_EXPECT("\\", \\"side\\":\\"", "\\",\\"side\\":\\"")
        if (end - at < 8) return NULL;
        if (memcmp(at, "BUY\\"", 4) == 0) {
            entry->side = 1;
            at += 3;
        } else {
            if (memcmp(at, "SELL", 4) != 0) return NULL;
            entry->side = 0;
            at += 4;
        }
        PM_EXPECT("\\", \\"hash\\":\\"", "\\",\\"hash\\":\\"")
        if ((at = pm_usual_text(at, end, 40, &entry->hash)) == NULL) return NULL;
        PM_EXPECT("\\", \\"best_bid\\":\\"", "\\",\\"best_bid\\":\\"")
        if ((at = pm_short_text(at, end, &entry->best_bid)) == NULL) return NULL;
        PM_EXPECT("\\", \\"best_ask\\":\\"", "\\",\\"best_ask\\":\\"")
        if ((at = pm_short_text(at, end, &entry->best_ask)) == NULL) return NULL;
        PM_EXPECT_THIS("\\"}")
        return at;
    }

    /* Read an entry of price_changes in the venue's own key order, from its brace to behind it; or NULL. */
    static const char *pm_read_usual_entry(const char *at, const char *end, int spaced, pm_usual_entry *entry) {
        return spaced ? pm_entry_in_order(at, end, 1, entry) : pm_entry_in_order(at, end, 0, entry);
    }

    PM_INLINE const char *pm_level_in_order(const char *at, const char *end, const int spaced, int64_t *price, int64_t *size) {
        PM_EXPECT_THIS("{\\"price\\":\\"")
        if ((at = pm_decimal(at, end, price)) == NULL) return NULL;
        PM_EXPECT("\\", \\"size\\":\\"", "\\",\\"size\\":\\"")
        if ((at = pm_decimal(at, end, size)) == NULL) return NULL;
        PM_EXPECT_THIS("\\"}")
        return at;
    }

    /* Read a level in the venue's own key order, from its brace to behind it; or NULL. */
    static const char *pm_usual_level(const char *at, const char *end, int spaced, int64_t *price, int64_t *size) {
        return spaced ? pm_level_in_order(at, end, 1, price, size) : pm_level_in_order(at, end, 0, price, size);
    }

    /* Read a price_change in the venue's own key order up to its list; return where that stands, or NULL. */
    static const char *pm_usual_head(const char *at, const char *end, pm_text *market, int *is_spaced) {
        int spaced;
        PM_EXPECT_THIS("{\\"market\\":\\"")
        if ((at = pm_usual_text(at, end, 66, market)) == NULL) return NULL;
        spaced = at[1] == ',' && at[2] == ' ';
        PM_EXPECT("\\", \\"price_changes\\":", "\\",\\"price_changes\\":")
        *is_spaced = spaced;
        return at;
    }

    /* Read the rest of that message, from behind its list; return what follows it, or NULL. */
    static const char *pm_usual_tail(const char *at, const char *end, int spaced, int64_t *ts_event) {
        PM_EXPECT(", \\"timestamp\\":\\"", ",\\"timestamp\\":\\"")
        if ((at = pm_milliseconds(at, end, ts_event)) == NULL) return NULL;
        PM_EXPECT("\\", \\"event_type\\":\\"price_change\\"}", "\\",\\"event_type\\":\\"price_change\\"}")
        return at;
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
    ctypedef struct UsualEntry "pm_usual_entry":
        const Word *words[2]
        int known
        Text asset_id
        Text hash
        Text best_bid
        Text best_ask
        int64_t price
        int64_t size
        int side
    const char *pm_closing_quote(const char *at, const char *end) noexcept nogil
    const char *pm_read_usual_entry(const char *at, const char *end, bint spaced, UsualEntry *entry) noexcept nogil
    const char *pm_usual_level(
        const char *at, const char *end, bint spaced, int64_t *price, int64_t *size
    ) noexcept nogil
    const char *pm_usual_head(const char *at, const char *end, Text *market, bint *spaced) noexcept nogil
    const char *pm_usual_tail(const char *at, const char *end, bint spaced, int64_t *ts_event) noexcept nogil
    uint64_t pm_hash(const char *text, Py_ssize_t length) noexcept nogil
    bint pm_same(const char *first, const char *second, Py_ssize_t length) noexcept nogil


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
