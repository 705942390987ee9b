# SHA-256 of one or two streams, by the processor's own instructions (found out at run time). Two at once take two
# thirds of the time of one after the other: a round waits for the one before it, and the other stream fills the wait.

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__x86_64__) && defined(__GNUC__)
    #define PM_SHA_INSTRUCTIONS
    #include <cpuid.h>
    #include <immintrin.h>
    #endif

    static const uint32_t pm_sha_start[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

    static int pm_sha_supported(void) {
    #ifdef PM_SHA_INSTRUCTIONS
        unsigned a, b, c, d;
        return __builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
    #else
        return 0;
    #endif
    }

    #ifdef PM_SHA_INSTRUCTIONS
    static const uint32_t pm_sha_k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

    typedef struct { __m128i abef, cdgh, w[4]; } pm_sha_lane;

    #define PM_SHA_TARGET __attribute__((target("sha,sse4.1"), always_inline)) static inline

    PM_SHA_TARGET void pm_sha_load(pm_sha_lane *lane, const uint32_t *state) {
        __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
        __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
        lane->abef = _mm_alignr_epi8(low, high, 8);
        lane->cdgh = _mm_blend_epi16(high, low, 0xF0);
    }

    PM_SHA_TARGET void pm_sha_store(const pm_sha_lane *lane, uint32_t *state) {
        __m128i low = _mm_shuffle_epi32(lane->abef, 0x1B), high = _mm_shuffle_epi32(lane->cdgh, 0xB1);
        _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xF0));
        _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
    }

    PM_SHA_TARGET void pm_sha_read(pm_sha_lane *lane, const unsigned char *at) {
        const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
        for (int i = 0; i < 4; i++)
            lane->w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)at + i), big_endian);
    }

    /* Words of the schedule 16 further on than those in w[i]. */
    PM_SHA_TARGET void pm_sha_schedule(pm_sha_lane *lane, int i) {
        __m128i *w = lane->w, last = w[(i + 3) & 3];
        __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[i], w[(i + 1) & 3]), _mm_alignr_epi8(last, w[(i + 2) & 3], 4));
        w[i] = _mm_sha256msg2_epu32(sum, last);
    }

    PM_SHA_TARGET void pm_sha_rounds(pm_sha_lane *lane, int group) {
        __m128i k = _mm_loadu_si128((const __m128i *)(pm_sha_k + 4 * group));
        __m128i sum = _mm_add_epi32(lane->w[group & 3], k);
        lane->cdgh = _mm_sha256rnds2_epu32(lane->cdgh, lane->abef, sum);
        lane->abef = _mm_sha256rnds2_epu32(lane->abef, lane->cdgh, _mm_shuffle_epi32(sum, 0x0E));
    }

    PM_SHA_TARGET void pm_sha_lanes(
        int lanes, uint32_t *first, const unsigned char *at, uint32_t *second, const unsigned char *by, size_t blocks
    ) {
        pm_sha_lane a, b, before_a, before_b;
        pm_sha_load(&a, first);
        if (lanes == 2) pm_sha_load(&b, second);
        for (; blocks--; at += 64, by += 64) {
            before_a = a;
            pm_sha_read(&a, at);
            if (lanes == 2) { before_b = b; pm_sha_read(&b, by); }
            _Pragma("GCC unroll 16")
            for (int group = 0; group < 16; group++) {
                if (group >= 4) {
                    pm_sha_schedule(&a, group & 3);
                    if (lanes == 2) pm_sha_schedule(&b, group & 3);
                }
                pm_sha_rounds(&a, group);
                if (lanes == 2) pm_sha_rounds(&b, group);
            }
            a.abef = _mm_add_epi32(a.abef, before_a.abef);
            a.cdgh = _mm_add_epi32(a.cdgh, before_a.cdgh);
            if (lanes == 2) {
                b.abef = _mm_add_epi32(b.abef, before_b.abef);
                b.cdgh = _mm_add_epi32(b.cdgh, before_b.cdgh);
            }
        }
        pm_sha_store(&a, first);
        if (lanes == 2) pm_sha_store(&b, second);
    }

    __attribute__((target("sha,sse4.1")))
    static void pm_sha_two(uint32_t *first, const unsigned char *at, uint32_t *second, const unsigned char *by, size_t blocks) {
        pm_sha_lanes(2, first, at, second, by, blocks);
    }

    __attribute__((target("sha,sse4.1")))
    static void pm_sha_one(uint32_t *state, const unsigned char *at, size_t blocks) {
        pm_sha_lanes(1, state, at, state, at, blocks);
    }
    #else
    #define pm_sha_one(state, at, blocks)
    #define pm_sha_two(first, at, second, by, blocks)
    #endif

    typedef struct { uint32_t state[8]; uint64_t length; unsigned char rest[64]; } pm_sha;

    static void pm_sha_begin(pm_sha *sha) {
        memcpy(sha->state, pm_sha_start, sizeof sha->state);
        sha->length = 0;
    }

    /* Take bytes until the next block begins; return how many. */
    static size_t pm_sha_fill(pm_sha *sha, const unsigned char *at, size_t length) {
        size_t have = sha->length % 64, taken = have ? 64 - have : 0;
        if (taken > length) taken = length;
        memcpy(sha->rest + have, at, taken);
        sha->length += taken;
        if (have && have + taken == 64) pm_sha_one(sha->state, sha->rest, 1);
        return taken;
    }

    /* Take all bytes; the next block begins here. */
    static void pm_sha_take(pm_sha *sha, const unsigned char *at, size_t length) {
        pm_sha_one(sha->state, at, length / 64);
        memcpy(sha->rest, at + length / 64 * 64, length % 64);
        sha->length += length;
    }

    static void pm_sha_update(pm_sha *sha, const unsigned char *at, size_t length) {
        size_t taken = pm_sha_fill(sha, at, length);
        if (taken < length) pm_sha_take(sha, at + taken, length - taken);
    }

    static void pm_sha_update_two(
        pm_sha *first, const unsigned char *at, size_t length, pm_sha *second, const unsigned char *by, size_t other
    ) {
        size_t taken = pm_sha_fill(first, at, length), also = pm_sha_fill(second, by, other);
        at += taken, length -= taken, by += also, other -= also;
        /* Where a block is not yet full, no bytes are left. */
        size_t both = (length < other ? length : other) / 64;
        pm_sha_two(first->state, at, second->state, by, both);
        first->length += 64 * both, second->length += 64 * both;
        if (length > 64 * both) pm_sha_take(first, at + 64 * both, length - 64 * both);
        if (other > 64 * both) pm_sha_take(second, by + 64 * both, other - 64 * both);
    }

    static void pm_sha_finish(const pm_sha *sha, unsigned char *digest) {
        pm_sha last = *sha;
        unsigned char padding[128] = {0x80};
        size_t zeros = (119 - last.length % 64) % 64, size = zeros + 9;
        for (int i = 0; i < 8; i++) padding[size - 1 - i] = (unsigned char)(sha->length * 8 >> 8 * i);
        pm_sha_update(&last, padding, size);
        for (int i = 0; i < 32; i++) digest[i] = (unsigned char)(last.state[i / 4] >> (24 - i % 4 * 8));
    }
    """
    ctypedef struct pm_sha:
        pass
    int pm_sha_supported() noexcept nogil
    void pm_sha_begin(pm_sha *sha) noexcept nogil
    void pm_sha_update(pm_sha *sha, const unsigned char *at, size_t length) noexcept nogil
    void pm_sha_update_two(
        pm_sha *first, const unsigned char *at, size_t length, pm_sha *second, const unsigned char *by, size_t other
    ) noexcept nogil
    void pm_sha_finish(const pm_sha *sha, unsigned char *digest) noexcept nogil
