"""Book checks: each book against the venue's hash, best prices and mirror leg; checks_py.py is the definition."""

include "source_digest.pxi"

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset, strlen

from pm_data._fast.decode_c cimport OP_BOOK, Level, Op, OpTexts, Text

from pm_data._fast.checks_py import best_price
from pm_data._fast.verdicts import TICK_SIZES_E6, Incidents, Outcomes

include "sha1.pxi"

cdef enum:
    HASH_VERIFIED
    HASH_LATE_TRADE_PRICE
    HASH_LATE_TICK_SIZE
    HASH_FAILED
    HASH_UNCHECKED
    BEST_AGREED
    BEST_DIFFERED
    MIRROR_AGREED
    MIRROR_DIFFERED
    OUTCOMES

cdef enum:
    ONE = 1_000_000
    TICKS = 6
    TOLD_MAX = 5
    LEVEL_TEXT_MAX = 64      # {"price":"","size":""}, and 8 and 17 characters of numbers
    NUMBER_MAX = 24

cdef int64_t[TICKS] _TICKS = TICK_SIZES_E6

pm_sha1_choose(True)


include "book_text.pxi"


cdef inline int64_t _or_absent(value) except? -1:
    return -1 if value is None else value


cdef int _hex_digit(char letter) noexcept nogil:
    if b"0" <= letter <= b"9":
        return letter - 48
    if b"a" <= letter <= b"f":
        return letter - 87
    return -1


cdef Key _key(int64_t ts_event, const Text *text) noexcept nogil:
    """Return the key of a message's run; a hash that is none counts as absent."""
    cdef Key key
    cdef int i, high, low
    memset(&key, 0, sizeof(Key))
    key.ts_event = ts_event
    if text.at == NULL or text.length != 40:
        return key
    for i in range(20):
        high, low = _hex_digit(text.at[2 * i]), _hex_digit(text.at[2 * i + 1])
        if high < 0 or low < 0:
            memset(key.hash, 0, 20)
            return key
        key.hash[i] = high << 4 | low
    key.hashed = True
    return key


cdef inline bint _same_key(const Key *a, const Key *b) noexcept nogil:
    return a.ts_event == b.ts_event and a.hashed == b.hashed and memcmp(a.hash, b.hash, 20) == 0


cdef int64_t _best(const Text *text, int64_t previous) except? -1:
    """Return a best price; the usual one is read here, any other by the twin."""
    cdef int64_t value = 0, unit = ONE
    cdef Py_ssize_t i
    if text.at == NULL or text.length == 0:
        return previous
    if text.length <= 8 and b"0" <= text.at[0] <= b"1" and (text.length == 1 or text.at[1] == b"."):
        value = (text.at[0] - 48) * unit
        if text.length == 1:
            return value
        for i in range(2, text.length):
            if not b"0" <= text.at[i] <= b"9":
                break
            unit //= 10
            value += (text.at[i] - 48) * unit
        else:
            if text.length > 2:
                return value
    price = best_price(
        text.at[:text.length].decode("utf-8", "surrogatepass"), None if previous < 0 else previous
    )
    return _or_absent(price)


cdef bint _is_mirror(const Side *bids, const Side *asks) noexcept nogil:
    """Say whether each bid is an ask of the other book at 1 - price, of the same size."""
    cdef Py_ssize_t i
    if bids.count != asks.count:
        return False
    for i in range(bids.count):
        if bids.levels[i].price - ONE != asks.levels[i].price or bids.levels[i].size != asks.levels[i].size:
            return False
    return True


@cython.final
cdef class MarketCheck:
    """What the hashes of a market's tokens depend on beside their books."""

    def __cinit__(self, str condition_id not None):
        self.condition_id = condition_id
        self.text = condition_id.encode("utf-8", "surrogatepass")
        self.min_size = 5 * ONE
        self.neg_risk = -1
        self.now = self.proven = Inputs(-1, -1)
        self.tokens = []


@cython.final
cdef class TokenCheck:
    """A token's run, and how those before it came out."""

    def __cinit__(self, str market_id not None):
        self.market_id = market_id
        self.text = market_id.encode("utf-8", "surrogatepass")
        self.doubt = ""
        self.key.ts_event = self.previous_key.ts_event = -1


@cython.final
cdef class BookChecks:
    """The runs of all tokens and how they came out."""

    def __cinit__(self):
        self.incidents = Incidents()
        self._tokens = {}
        self._markets = {}

    def __dealloc__(self):
        PyMem_Free(self._text)

    def learn_facts(self, facts):
        """Take what a universe record says of a market."""
        cdef MarketCheck market = self._market(facts.condition_id)
        market.facts_known = facts.order_min_size_e6 is not None and facts.neg_risk is not None
        if facts.order_min_size_e6 is not None:
            market.min_size = facts.order_min_size_e6
        if facts.neg_risk is not None:
            market.neg_risk = facts.neg_risk
        if market.now.tick < 0:
            market.now.tick = _or_absent(facts.tick_size_e6)

    def finish(self):
        """Judge the runs that are open, as the stream has ended; yield asset ids and verdicts."""
        for asset_id, token in self._tokens.items():
            yield asset_id, self._end(token)

    def counters(self):
        """Return the sums over all tokens, by the names of `Outcomes`, and the number of incidents."""
        columns = zip(*self.outcomes().values())
        return {**Outcomes(*map(sum, columns))._asdict(), "hash_incidents": self.incidents.count}

    def outcomes(self):
        """Return how the runs of each token came out."""
        return {asset_id: _outcomes(token) for asset_id, token in self._tokens.items()}

    cdef int learn(self, object condition_id, int64_t tick_size, int64_t last_trade_price) except -1:
        """Take what a message says of a market; -1 says nothing."""
        cdef MarketCheck market
        if condition_id is not None:
            market = self._market(condition_id)
            if tick_size >= 0:
                market.now.tick = tick_size
            if last_trade_price >= 0:
                market.now.price = last_trade_price
        return 0

    cdef int lose(self, str market_id, const Side *bids, const Side *asks, str cause) except -1:
        """Give up a token's run, whose end may be lost; until a full book none of its runs can fail."""
        cdef TokenCheck token = self._token(market_id, bids, asks)
        token.doubt = cause
        if token.running:
            token.running = False
            token.counts[HASH_UNCHECKED] += 1
        return 0

    cdef Verdict message(
        self,
        str market_id,
        object condition_id,
        const Side *bids,
        const Side *asks,
        const Op *op,
        const OpTexts *texts,
    ) except *:
        """Take a message that is about to change a book; return the verdict on the run that it ends."""
        cdef TokenCheck token = self._token(market_id, bids, asks)
        cdef Key key = _key(op.ts_event, &texts.hash)
        cdef Verdict verdict = VERDICT_NONE
        if not token.running or not _same_key(&key, &token.key):
            verdict = self._end(token)
            token.ordinal = token.ordinal + 1 if key.ts_event == token.key.ts_event else 1
            token.repeated = key.ts_event >= 0 and key.hashed and _same_key(&key, &token.previous_key)
            token.previous_key = token.key
            token.key = key
            token.bid = token.ask = token.mirrored = -1
            token.running = True
        if condition_id is None:
            token.market = None
        elif token.market is None or token.market.condition_id is not condition_id:
            token.market = self._market(condition_id)
        if op.kind == OP_BOOK:
            token.doubt = ""
            self.learn(condition_id, op.price, op.size)
        else:
            token.bid = _best(&texts.best_bid, token.bid)
            token.ask = _best(&texts.best_ask, token.ask)
        if token.market is not None:
            token.inputs = token.market.now
            # a third token shows that they are no pair
            if len(token.market.tokens) < 3 and token not in token.market.tokens:
                token.market.tokens.append(token)
        return verdict

    cdef MarketCheck _market(self, str condition_id):
        market = self._markets.get(condition_id)
        if market is None:
            market = self._markets[condition_id] = MarketCheck(condition_id)
        return <MarketCheck>market

    cdef TokenCheck _token(self, str market_id, const Side *bids, const Side *asks):
        found = self._tokens.get(market_id)
        cdef TokenCheck token
        if found is not None:
            return <TokenCheck>found
        token = self._tokens[market_id] = TokenCheck(market_id)
        token.bids, token.asks = bids, asks
        return token

    cdef Verdict _end(self, TokenCheck token) except *:
        """Judge a token's run, if it has one, against its book as it is now."""
        cdef int outcome
        cdef bint best_differs, mirror_differs
        if not token.running:
            return VERDICT_NONE
        token.running = False
        if token.doubt == "gap" or token.repeated:
            token.counts[HASH_UNCHECKED] += 1
            return VERDICT_NONE
        outcome = self._check_hash(token)
        if outcome == HASH_FAILED and token.doubt:
            outcome = HASH_UNCHECKED
        token.counts[outcome] += 1
        self._note_incident(token, outcome)
        best_differs = _best_differs(token)
        mirror_differs = _mirror_differs(token)
        if outcome == HASH_FAILED:
            return VERDICT_HASH
        if best_differs:
            return VERDICT_BBO
        if mirror_differs:
            return VERDICT_MIRROR
        if outcome == HASH_UNCHECKED:
            return VERDICT_NONE
        token.doubt = ""
        return VERDICT_VERIFIED

    cdef int _note_incident(self, TokenCheck token, int outcome) except -1:
        if outcome == HASH_FAILED:
            token.failing = True
            self.incidents.failed(
                token.market.condition_id, token.market_id, token.key.ts_event, token.ordinal
            )
        elif token.failing and outcome != HASH_UNCHECKED:
            token.failing = False
            self.incidents.verified(token.market.condition_id, token.market_id)
        return 0

    cdef int _check_hash(self, TokenCheck token) except -1:
        """Return the outcome of the run's hash; what verifies it is kept."""
        cdef MarketCheck market = token.market
        cdef Inputs[TOLD_MAX] told
        cdef int told_count, i, neg_risk
        cdef int64_t tick, price
        cdef bint is_told
        cdef const char *text
        cdef Py_ssize_t length
        cdef pm_sha1 beginning
        if token.key.ts_event < 0 or not token.key.hashed or market is None:
            return HASH_UNCHECKED
        told_count = _told(told, token.inputs, market)
        if told_count == 0:
            return HASH_UNCHECKED
        text = self._beginning(token, &length)
        pm_sha1_begin(&beginning)
        pm_sha1_update(&beginning, text, length)
        for neg_risk in range(2):
            if market.neg_risk >= 0 and market.neg_risk != neg_risk:
                continue
            for i in range(told_count):
                if _proves(market, beginning, told[i], neg_risk, token.key.hash):
                    return HASH_VERIFIED
        if not market.facts_known:
            return HASH_UNCHECKED
        for i in range(told_count):
            if _search(market, beginning, told[i].tick, token.key.hash):
                return HASH_LATE_TRADE_PRICE
        for tick in _TICKS:
            is_told = False
            for i in range(told_count):
                is_told = is_told or told[i].tick == tick
            if not is_told and _search(market, beginning, tick, token.key.hash):
                return HASH_LATE_TICK_SIZE
        return HASH_FAILED

    cdef const char *_beginning(self, TokenCheck token, Py_ssize_t *length) except NULL:
        """Write the hashed text up to the tick size; it stays until the next one."""
        cdef bytes market = token.market.text
        cdef bytes asset_id = token.text
        cdef Py_ssize_t needed = (
            256
            + PyBytes_GET_SIZE(market)
            + PyBytes_GET_SIZE(asset_id)
            + (token.bids.count + token.asks.count) * LEVEL_TEXT_MAX
        )
        cdef char *at
        if self._capacity < needed:
            at = <char *>PyMem_Realloc(self._text, 2 * needed)
            if at == NULL:
                raise MemoryError
            self._text, self._capacity = at, 2 * needed
        at = _put_text(self._text, b'{"market":"')
        at = _put(at, PyBytes_AS_STRING(market), PyBytes_GET_SIZE(market))
        at = _put_text(at, b'","asset_id":"')
        at = _put(at, PyBytes_AS_STRING(asset_id), PyBytes_GET_SIZE(asset_id))
        at = _put_text(at, b'","timestamp":"')
        at = _put_whole(at, token.key.ts_event // ONE)
        at = _put_text(at, b'","hash":"","bids":[')
        at = _put_side(at, token.bids)
        at = _put_text(at, b'],"asks":[')
        at = _put_side(at, token.asks)
        at = _put_text(at, b'],"min_order_size":"')
        at = _put_decimal(at, token.market.min_size, 0)
        at = _put_text(at, b'","tick_size":"')
        length[0] = at - self._text
        return self._text


cdef object _outcomes(TokenCheck token):
    cdef int i
    return Outcomes(*[token.counts[i] for i in range(OUTCOMES)])


cdef bint _best_differs(TokenCheck token) noexcept:
    """Compare the best prices; the feed writes 0 and 1 where a side is empty."""
    cdef int64_t best_bid = 0, best_ask = ONE
    cdef bint differs
    if token.bid < 0 and token.ask < 0:
        return False
    if token.bids.count:
        best_bid = token.bids.levels[token.bids.count - 1].price
    if token.asks.count:
        best_ask = -token.asks.levels[token.asks.count - 1].price
    differs = (token.bid >= 0 and token.bid != best_bid) or (token.ask >= 0 and token.ask != best_ask)
    token.counts[BEST_DIFFERED if differs else BEST_AGREED] += 1
    return differs


cdef bint _mirror_differs(TokenCheck token) except -1:
    """Compare with the market's other token, once for both, while neither has gone on."""
    cdef TokenCheck other
    if token.mirrored < 0 and token.market is not None and token.key.ts_event >= 0:
        if len(token.market.tokens) == 2:
            other = token.market.tokens[0]
            if other is token:
                other = token.market.tokens[1]
            if (
                other.running
                and not other.doubt
                and not other.repeated
                and other.key.ts_event == token.key.ts_event
                and other.ordinal == token.ordinal
            ):
                token.mirrored = other.mirrored = _is_mirror(token.bids, other.asks) and _is_mirror(
                    other.bids, token.asks
                )
    if token.mirrored < 0:
        return False
    token.counts[MIRROR_AGREED if token.mirrored else MIRROR_DIFFERED] += 1
    return not token.mirrored


cdef int _told(Inputs *told, Inputs then, MarketCheck market) noexcept:
    """Gather the inputs that the stream has told, at the run's end or since, and the proven ones."""
    cdef Inputs[TOLD_MAX] every
    cdef int count = 0, i, j
    cdef bint is_new
    every[0], every[1], every[2] = market.proven, then, market.now
    every[3] = Inputs(then.tick, market.now.price)
    every[4] = Inputs(market.now.tick, then.price)
    for i in range(TOLD_MAX):
        is_new = every[i].tick >= 0
        for j in range(count):
            is_new = is_new and not (told[j].tick == every[i].tick and told[j].price == every[i].price)
        if is_new:
            told[count] = every[i]
            count += 1
    return count


def use_sha1_instructions(bint wanted):
    """Take the processor's own SHA-1, where it has it, or not: for tests of the other."""
    pm_sha1_choose(wanted)
