# CRC-32 of zlib and gzip: folding with carry-less products where the processor has them (found out at run
# time, so that a portable wheel can use them), eight table look-ups a step elsewhere.
# The folding is that of Intel's "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction".

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__x86_64__) && defined(__GNUC__)
    #define PM_CRC_FOLDING
    #include <immintrin.h>
    #endif

    static uint32_t pm_crc_table[8][256];
    static int pm_crc_folds, pm_crc_folds_wide;

    static void pm_crc_prepare(void) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t crc = i;
            for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0);
            pm_crc_table[0][i] = crc;
        }
        for (uint32_t i = 0; i < 256; i++)
            for (int step = 1; step < 8; step++) {
                uint32_t last = pm_crc_table[step - 1][i];
                pm_crc_table[step][i] = (last >> 8) ^ pm_crc_table[0][last & 255];
            }
    #ifdef PM_CRC_FOLDING
        pm_crc_folds = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
        pm_crc_folds_wide = pm_crc_folds && __builtin_cpu_supports("vpclmulqdq")
            && __builtin_cpu_supports("avx512f");
    #endif
    }

    static uint32_t pm_crc_tables(uint32_t crc, const unsigned char *at, size_t length) {
    #if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        for (; length >= 8; length -= 8, at += 8) {
            uint64_t word;
            memcpy(&word, at, 8);
            word ^= crc;
            crc = pm_crc_table[7][word & 255] ^ pm_crc_table[6][(word >> 8) & 255]
                ^ pm_crc_table[5][(word >> 16) & 255] ^ pm_crc_table[4][(word >> 24) & 255]
                ^ pm_crc_table[3][(word >> 32) & 255] ^ pm_crc_table[2][(word >> 40) & 255]
                ^ pm_crc_table[1][(word >> 48) & 255] ^ pm_crc_table[0][word >> 56];
        }
    #endif
        while (length--) crc = (crc >> 8) ^ pm_crc_table[0][(crc ^ *at++) & 255];
        return crc;
    }

    #ifdef PM_CRC_FOLDING
    #define PM_LOW(x, k) _mm_clmulepi64_si128(x, k, 0x00)
    #define PM_HIGH(x, k) _mm_clmulepi64_si128(x, k, 0x11)
    #define PM_FOLD(x, k, next) _mm_xor_si128(_mm_xor_si128(PM_LOW(x, k), PM_HIGH(x, k)), next)

    /* Fold four lanes and what is left, a multiple of 16 and less than 64 bytes, and reduce that to the CRC. */
    __attribute__((target("pclmul,sse4.1"), always_inline))
    static inline uint32_t pm_crc_reduce(
        __m128i x1, __m128i x2, __m128i x3, __m128i x4, const __m128i *from, size_t length
    ) {
        const __m128i by_16 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
        const __m128i by_8 = _mm_set_epi64x(0, 0x0163cd6124);
        const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);
        const __m128i low_halves = _mm_setr_epi32(~0, 0, ~0, 0);
        x1 = PM_FOLD(x1, by_16, x2);
        x1 = PM_FOLD(x1, by_16, x3);
        x1 = PM_FOLD(x1, by_16, x4);
        for (; length >= 16; from++, length -= 16) x1 = PM_FOLD(x1, by_16, _mm_loadu_si128(from));
        x1 = _mm_xor_si128(_mm_srli_si128(x1, 8), _mm_clmulepi64_si128(x1, by_16, 0x10));
        x1 = _mm_xor_si128(_mm_srli_si128(x1, 4), PM_LOW(_mm_and_si128(x1, low_halves), by_8));
        x2 = _mm_clmulepi64_si128(_mm_and_si128(x1, low_halves), barrett, 0x10);
        x2 = PM_LOW(_mm_and_si128(x2, low_halves), barrett);
        return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x1, x2), 1);
    }

    /* At least 64 bytes, a multiple of 16; `crc` and the result are inverted. */
    __attribute__((target("pclmul,sse4.1")))
    static uint32_t pm_crc_fold(uint32_t crc, const unsigned char *at, size_t length) {
        const __m128i by_64 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
        const __m128i *from = (const __m128i *)at;
        __m128i x1 = _mm_xor_si128(_mm_loadu_si128(from), _mm_cvtsi32_si128((int)crc));
        __m128i x2 = _mm_loadu_si128(from + 1), x3 = _mm_loadu_si128(from + 2), x4 = _mm_loadu_si128(from + 3);
        for (from += 4, length -= 64; length >= 64; from += 4, length -= 64) {
            x1 = PM_FOLD(x1, by_64, _mm_loadu_si128(from));
            x2 = PM_FOLD(x2, by_64, _mm_loadu_si128(from + 1));
            x3 = PM_FOLD(x3, by_64, _mm_loadu_si128(from + 2));
            x4 = PM_FOLD(x4, by_64, _mm_loadu_si128(from + 3));
        }
        return pm_crc_reduce(x1, x2, x3, x4, from, length);
    }

    #define PM_FOLD_WIDE(x, k, next) _mm512_xor_si512(_mm512_xor_si512( \\
        _mm512_clmulepi64_epi128(x, k, 0x00), _mm512_clmulepi64_epi128(x, k, 0x11)), next)

    /* The same for at least 128 bytes, four products at once; the constants are x^n mod P of 1,056 and 992 bits. */
    __attribute__((target("vpclmulqdq,avx512f,pclmul,sse4.1")))
    static uint32_t pm_crc_fold_wide(uint32_t crc, const unsigned char *at, size_t length) {
        const __m512i by_128 = _mm512_broadcast_i32x4(_mm_set_epi64x(0x014a7fe880, 0x01e88ef372));
        const __m512i by_64 = _mm512_broadcast_i32x4(_mm_set_epi64x(0x01c6e41596, 0x0154442bd4));
        __m512i first = _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)), second = _mm512_loadu_si512(at + 64);
        first = _mm512_xor_si512(first, _mm512_loadu_si512(at));
        for (at += 128, length -= 128; length >= 128; at += 128, length -= 128) {
            first = PM_FOLD_WIDE(first, by_128, _mm512_loadu_si512(at));
            second = PM_FOLD_WIDE(second, by_128, _mm512_loadu_si512(at + 64));
        }
        first = PM_FOLD_WIDE(first, by_64, second);
        if (length >= 64) {
            first = PM_FOLD_WIDE(first, by_64, _mm512_loadu_si512(at));
            at += 64;
            length -= 64;
        }
        return pm_crc_reduce(
            _mm512_castsi512_si128(first), _mm512_extracti32x4_epi32(first, 1),
            _mm512_extracti32x4_epi32(first, 2), _mm512_extracti32x4_epi32(first, 3),
            (const __m128i *)at, length);
    }
    #endif

    static uint32_t pm_crc32(const unsigned char *at, size_t length) {
        uint32_t crc = 0xFFFFFFFFu;
    #ifdef PM_CRC_FOLDING
        if (pm_crc_folds && length >= 64) {
            size_t folded = length & ~(size_t)15;
            crc = pm_crc_folds_wide && length >= 256
                ? pm_crc_fold_wide(crc, at, folded) : pm_crc_fold(crc, at, folded);
            at += folded;
            length -= folded;
        }
    #endif
        return ~pm_crc_tables(crc, at, length);
    }
    """
    void pm_crc_prepare() noexcept nogil
    unsigned int pm_crc32(const unsigned char *at, size_t length) noexcept nogil
