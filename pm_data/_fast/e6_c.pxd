"""128-bit intermediates for the compiled twins; gcc and clang have __int128, MSVC builds are pure."""

from libc.stdint cimport int64_t

cdef extern from *:
    """
    #ifndef PM_DATA_E6_MATH
    #define PM_DATA_E6_MATH
    #include <stdint.h>

    static inline int pm_fits_int64(__int128 value) {
        return value >= (__int128)INT64_MIN && value <= (__int128)INT64_MAX;
    }

    /* Floor of first * second / divisor; -1 when it does not fit int64. The divisor is not 0. */
    static inline int pm_multiply_divide(int64_t first, int64_t second, int64_t divisor, int64_t *result) {
        __int128 product = (__int128)first * second;
        __int128 quotient = product / divisor;
        if (quotient * divisor != product && ((product < 0) != (divisor < 0))) quotient -= 1;
        if (!pm_fits_int64(quotient)) return -1;
        *result = (int64_t)quotient;
        return 0;
    }

    /* Ceiling of first * second / divisor for a positive divisor; -1 when it does not fit int64. */
    static inline int pm_multiply_divide_up(int64_t first, int64_t second, int64_t divisor, int64_t *result) {
        __int128 product = (__int128)first * second;
        __int128 quotient = product / divisor;
        if (quotient * divisor != product && product > 0) quotient += 1;
        if (!pm_fits_int64(quotient)) return -1;
        *result = (int64_t)quotient;
        return 0;
    }

    static inline int pm_add(int64_t first, int64_t second, int64_t *result) {
        return __builtin_add_overflow(first, second, result) ? -1 : 0;
    }

    static inline int pm_subtract(int64_t first, int64_t second, int64_t *result) {
        return __builtin_sub_overflow(first, second, result) ? -1 : 0;
    }
    #endif
    """
    int pm_multiply_divide(int64_t first, int64_t second, int64_t divisor, int64_t *result) noexcept nogil
    int pm_multiply_divide_up(int64_t first, int64_t second, int64_t divisor, int64_t *result) noexcept nogil
    int pm_add(int64_t first, int64_t second, int64_t *result) noexcept nogil
    int pm_subtract(int64_t first, int64_t second, int64_t *result) noexcept nogil

cdef int64_t as_int64(object value) except? -1
cdef object overflow(str what)
