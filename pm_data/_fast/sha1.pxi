# SHA-1, by the processor's own instructions where it has them (found out at run time). A copy of the structure
# is a copy of the state, so that texts with one beginning share its blocks. checks_c.pyx includes this.

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__x86_64__) && defined(__GNUC__)
    #define PM_SHA1_INSTRUCTIONS
    #include <cpuid.h>
    #include <immintrin.h>
    #endif

    typedef struct { uint32_t state[5]; uint64_t length; unsigned char rest[64]; } pm_sha1;

    #define PM_SHA1_ROTATE(value, bits) ((value) << (bits) | (value) >> (32 - (bits)))

    static void pm_sha1_portable(uint32_t *state, const unsigned char *at, size_t blocks) {
        for (; blocks--; at += 64) {
            uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
            for (int i = 0; i < 16; i++)
                w[i] = (uint32_t)at[4 * i] << 24 | at[4 * i + 1] << 16 | at[4 * i + 2] << 8 | at[4 * i + 3];
            for (int i = 16; i < 80; i++)
                w[i] = PM_SHA1_ROTATE(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
            for (int i = 0; i < 80; i++) {
                uint32_t mixed =
                    i < 20 ? ((b & c) | (~b & d)) + 0x5a827999
                    : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                    : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                    : (b ^ c ^ d) + 0xca62c1d6;
                uint32_t next = PM_SHA1_ROTATE(a, 5) + mixed + e + w[i];
                e = d, d = c, c = PM_SHA1_ROTATE(b, 30), b = a, a = next;
            }
            state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
        }
    }

    #ifdef PM_SHA1_INSTRUCTIONS
    /* Four rounds; the words of the schedule from the 16 before them. */
    #define PM_SHA1_ROUNDS(group, function) \
        if (group < 4) \
            w[group & 3] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)at + (group & 3)), big_endian); \
        else \
            w[group & 3] = _mm_sha1msg2_epu32( \
                _mm_xor_si128(_mm_sha1msg1_epu32(w[group & 3], w[(group + 1) & 3]), w[(group + 2) & 3]), \
                w[(group + 3) & 3]); \
        e = group ? _mm_sha1nexte_epu32(e, w[group & 3]) : _mm_add_epi32(e, w[0]); \
        before = abcd; \
        abcd = _mm_sha1rnds4_epu32(abcd, e, function); \
        e = before;

    #define PM_SHA1_FIVE(group, function) \
        PM_SHA1_ROUNDS(group, function) PM_SHA1_ROUNDS((group + 1), function) \
        PM_SHA1_ROUNDS((group + 2), function) PM_SHA1_ROUNDS((group + 3), function) \
        PM_SHA1_ROUNDS((group + 4), function)

    __attribute__((target("sha,sse4.1")))
    static void pm_sha1_instructions(uint32_t *state, const unsigned char *at, size_t blocks) {
        const __m128i big_endian = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
        __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0x1B);
        __m128i e = _mm_set_epi32((int)state[4], 0, 0, 0), w[4], before;
        for (; blocks--; at += 64) {
            const __m128i first_abcd = abcd, first_e = e;
            PM_SHA1_FIVE(0, 0)
            PM_SHA1_FIVE(5, 1)
            PM_SHA1_FIVE(10, 2)
            PM_SHA1_FIVE(15, 3)
            e = _mm_sha1nexte_epu32(e, first_e);
            abcd = _mm_add_epi32(abcd, first_abcd);
        }
        _mm_storeu_si128((__m128i *)state, _mm_shuffle_epi32(abcd, 0x1B));
        state[4] = (uint32_t)_mm_extract_epi32(e, 3);
    }

    static int pm_sha1_supported(void) {
        unsigned a, b, c, d;
        return __builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
    }
    #else
    #define pm_sha1_instructions pm_sha1_portable
    static int pm_sha1_supported(void) { return 0; }
    #endif

    static void (*pm_sha1_blocks)(uint32_t *, const unsigned char *, size_t) = pm_sha1_portable;

    /* Take the processor's instructions from now on, or do not, where there are none or they are not wanted. */
    static void pm_sha1_choose(int instructions) {
        pm_sha1_blocks = instructions && pm_sha1_supported() ? pm_sha1_instructions : pm_sha1_portable;
    }

    static void pm_sha1_begin(pm_sha1 *sha) {
        static const uint32_t start[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
        memcpy(sha->state, start, sizeof start);
        sha->length = 0;
    }

    static void pm_sha1_update(pm_sha1 *sha, const char *text, size_t length) {
        const unsigned char *at = (const unsigned char *)text;
        size_t have = sha->length % 64, taken = 64 - have;
        sha->length += length;
        if (length < taken) {
            memcpy(sha->rest + have, at, length);
            return;
        }
        if (have) {
            memcpy(sha->rest + have, at, taken);
            pm_sha1_blocks(sha->state, sha->rest, 1);
            at += taken, length -= taken;
        }
        pm_sha1_blocks(sha->state, at, length / 64);
        memcpy(sha->rest, at + length / 64 * 64, length % 64);
    }

    /* Write the 20 bytes of the digest; the structure is used up. */
    static void pm_sha1_finish(pm_sha1 *sha, unsigned char *digest) {
        unsigned char last[128] = {0};
        size_t have = sha->length % 64, size = have < 56 ? 64 : 128;
        memcpy(last, sha->rest, have);
        last[have] = 0x80;
        for (int i = 0; i < 8; i++) last[size - 1 - i] = (unsigned char)(sha->length * 8 >> 8 * i);
        pm_sha1_blocks(sha->state, last, size / 64);
        for (int i = 0; i < 20; i++) digest[i] = (unsigned char)(sha->state[i / 4] >> (24 - i % 4 * 8));
    }
    """
    ctypedef struct pm_sha1:
        pass
    void pm_sha1_choose(bint instructions) noexcept nogil
    void pm_sha1_begin(pm_sha1 *sha) noexcept nogil
    void pm_sha1_update(pm_sha1 *sha, const char *text, size_t length) noexcept nogil
    void pm_sha1_finish(pm_sha1 *sha, unsigned char *digest) noexcept nogil
