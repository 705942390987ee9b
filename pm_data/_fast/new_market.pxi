# new_market: the venue tells of every new market on every connection, and no book changes by it. A frame that is
# one such message of known keys is only counted, where it is strict JSON without escapes; any other goes to the twin.

from pm_data._fast.decode_py import KNOWN_KEYS

cdef list _new_market_keys = [key.encode("ascii") for key in sorted(KNOWN_KEYS["new_market"])]
cdef Py_ssize_t _new_market_key_count = len(_new_market_keys)
cdef Text[64] _new_market_texts

for _i, _key_bytes in enumerate(_new_market_keys):
    _new_market_texts[_i].at = PyBytes_AS_STRING(_key_bytes)
    _new_market_texts[_i].length = PyBytes_GET_SIZE(_key_bytes)

cdef enum:
    NEW_MARKET_DEPTH = 8


cdef bint _scan_new_market(Scan *scan, const char *at, const char *end) noexcept nogil:
    """Count the frame if it is such a message; else return False, and nothing has changed."""
    cdef Text key, event_type
    cdef bint is_typed = False, is_event_type
    at = _space(at)
    if at[0] != b"{":
        return False
    at = _space(at + 1)
    while True:
        at = _skip_string(at, end, &key)
        if at == NULL or not _is_new_market_key(key):
            return False
        is_event_type = _same(key, b"event_type", 10)
        if is_event_type and is_typed:
            return False
        at = _space(at)
        if at[0] != b":":
            return False
        at = _space(at + 1)
        if is_event_type:
            is_typed = True
            at = pm_string(at, end, &event_type)
            if at == NULL or not _same(event_type, b"new_market", 10):
                return False
        else:
            at = _skip_value(at, end, NEW_MARKET_DEPTH)
            if at == NULL:
                return False
        at = _space(at)
        if at[0] == b",":
            at = _space(at + 1)
        elif at[0] == b"}":
            break
        else:
            return False
    if not is_typed or _space(at + 1) != end:
        return False
    scan.counts.new_markets += 1
    return True


cdef bint _is_new_market_key(Text key) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(_new_market_key_count):
        if key.length == _new_market_texts[i].length and memcmp(key.at, _new_market_texts[i].at, key.length) == 0:
            return True
    return False


cdef const char *_skip_value(const char *at, const char *end, int depth) noexcept nogil:
    """Return what follows any JSON value without escapes, NULL where there is none or it is nested deeper."""
    cdef Text text
    cdef char closing
    if at[0] == b'"':
        return _skip_string(at, end, &text)
    if at[0] == b"{" or at[0] == b"[":
        if depth == 0:
            return NULL
        closing = b"}" if at[0] == b"{" else b"]"
        at = _space(at + 1)
        if at[0] == closing:
            return at + 1
        while True:
            if closing == b"}":
                at = _skip_string(at, end, &text)
                if at == NULL:
                    return NULL
                at = _space(at)
                if at[0] != b":":
                    return NULL
                at = _space(at + 1)
            at = _skip_value(at, end, depth - 1)
            if at == NULL:
                return NULL
            at = _space(at)
            if at[0] == closing:
                return at + 1
            if at[0] != b",":
                return NULL
            at = _space(at + 1)
    if end - at >= 4 and (memcmp(at, b"true", 4) == 0 or memcmp(at, b"null", 4) == 0):
        return at + 4
    if end - at >= 5 and memcmp(at, b"false", 5) == 0:
        return at + 5
    return _skip_number(at)


cdef inline const char *_digits(const char *at) noexcept nogil:
    while b"0" <= at[0] <= b"9":
        at += 1
    return at


cdef const char *_skip_number(const char *at) noexcept nogil:
    """Return what follows a JSON number, NULL where there is none."""
    cdef const char *first
    if at[0] == b"-":
        at += 1
    first = at
    at = _digits(at)
    if at == first or (first[0] == b"0" and at - first > 1):
        return NULL
    if at[0] == b".":
        first = at + 1
        at = _digits(first)
        if at == first:
            return NULL
    if at[0] == b"e" or at[0] == b"E":
        at += 1
        if at[0] == b"+" or at[0] == b"-":
            at += 1
        first = at
        at = _digits(first)
        if at == first:
            return NULL
    return at


cdef const char *_skip_string(const char *at, const char *end, Text *text) noexcept nogil:
    """Return what follows a string of UTF-8 without escapes and control characters; NULL where there is none."""
    cdef const unsigned char *byte
    cdef const unsigned char *stop = <const unsigned char *>end
    if at[0] != b'"':
        return NULL
    byte = <const unsigned char *>at + 1
    text.at = at + 1
    while byte < stop:
        if byte[0] == 34:
            text.length = <const char *>byte - text.at
            return <const char *>byte + 1
        if byte[0] < 32 or byte[0] == 92:
            return NULL
        if byte[0] < 128:
            byte += 1
        elif 0xC2 <= byte[0] <= 0xDF:
            if stop - byte < 2 or byte[1] & 0xC0 != 0x80:
                return NULL
            byte += 2
        elif byte[0] & 0xF0 == 0xE0:
            # neither overlong nor half of a surrogate pair
            if (
                stop - byte < 3
                or byte[1] & 0xC0 != 0x80
                or byte[2] & 0xC0 != 0x80
                or (byte[0] == 0xE0 and byte[1] < 0xA0)
                or (byte[0] == 0xED and byte[1] > 0x9F)
            ):
                return NULL
            byte += 3
        elif 0xF0 <= byte[0] <= 0xF4:
            if (
                stop - byte < 4
                or byte[1] & 0xC0 != 0x80
                or byte[2] & 0xC0 != 0x80
                or byte[3] & 0xC0 != 0x80
                or (byte[0] == 0xF0 and byte[1] < 0x90)
                or (byte[0] == 0xF4 and byte[1] > 0x8F)
            ):
                return NULL
            byte += 4
        else:
            return NULL
    return NULL
