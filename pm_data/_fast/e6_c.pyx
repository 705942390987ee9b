"""Fixed-point arithmetic in millionths (e6); e6_py.py is the definition."""

include "source_digest.pxi"

from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.unicode cimport PyUnicode_AsASCIIString
from libc.stdint cimport int64_t

from pm_data.errors import BadNumberError, E6OverflowError

ONE_E6 = 1_000_000
INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1

cdef int64_t _ONE_E6 = 1_000_000


cdef object overflow(str what):
    return E6OverflowError(f"{what} does not fit 64 bits")


cdef int64_t as_int64(object value) except? -1:
    cdef int too_large = 0
    cdef int64_t number
    if not PyLong_CheckExact(value):
        raise TypeError(f"expected int, not {type(value).__name__}")
    number = PyLong_AsLongLongAndOverflow(value, &too_large)
    if too_large:
        raise overflow(str(value))
    return number


def require_int64(object value):
    """Return `value` if it is an exact int that fits int64; TypeError or E6OverflowError otherwise."""
    return as_int64(value)


def to_e6(object text):
    """Return plain decimal text in millionths, rounded half up on the seventh decimal."""
    cdef bytes ascii
    cdef const unsigned char *at
    cdef Py_ssize_t length, i, whole_digits, decimals
    cdef unsigned long long whole = 0, fraction = 0
    cdef bint up
    cdef int64_t result
    if not isinstance(text, str):
        raise TypeError(f"expected str, not {type(text).__name__}")
    if not text.isascii() or len(text) > 419:
        raise BadNumberError(f"not a plain decimal: {text[:40]!r}")
    ascii = PyUnicode_AsASCIIString(text)
    at = ascii
    length = len(ascii)
    i = 0
    while i < length and 48 <= at[i] <= 57 and i < 19:
        whole = whole * 10 + (at[i] - 48)
        i += 1
    whole_digits = i
    decimals = 0
    up = False
    if i < length and at[i] == 46:
        i += 1
        while i < length and 48 <= at[i] <= 57:
            if decimals < 6:
                fraction = fraction * 10 + (at[i] - 48)
            elif decimals == 6:
                up = at[i] >= 53
            decimals += 1
            i += 1
        if decimals == 0:
            i = -1
    if i != length or whole_digits > 18 or whole_digits + decimals == 0 or decimals > 400:
        raise BadNumberError(f"not a plain decimal: {text[:40]!r}")
    while decimals < 6:
        fraction *= 10
        decimals += 1
    if up:
        fraction += 1
    # whole < 10**18 and the second factor is small: only the product can pass 64 bits
    if pm_multiply_divide(<int64_t>whole, _ONE_E6, 1, &result) < 0 or pm_add(result, <int64_t>fraction, &result) < 0:
        raise overflow(str(int(whole) * 1_000_000 + int(fraction)))
    return result


def from_e6(object value):
    """Return the shortest decimal text of millionths: 870000 is `0.87`."""
    as_int64(value)
    sign = "-" if value < 0 else ""
    whole, decimals = divmod(abs(value), 1_000_000)
    if not decimals:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{decimals:06d}".rstrip("0")


def notional(object price_e6, object size_e6):
    """Return price × size in millionths, rounded down (towards minus infinity)."""
    cdef int64_t price = as_int64(price_e6), size = as_int64(size_e6), result
    if pm_multiply_divide(price, size, _ONE_E6, &result) < 0:
        raise overflow(str(price_e6 * size_e6 // 1_000_000))
    return result


def notional_up(object price_e6, object size_e6):
    """Return price × size in millionths, rounded up (towards plus infinity)."""
    cdef int64_t price = as_int64(price_e6), size = as_int64(size_e6), result
    if pm_multiply_divide_up(price, size, _ONE_E6, &result) < 0:
        raise overflow(str(-(-price_e6 * size_e6 // 1_000_000)))
    return result


def multiply_divide(object first, object second, object divisor):
    """Return first × second / divisor, rounded down; the product itself may pass 64 bits."""
    cdef int64_t a = as_int64(first), b = as_int64(second), c = as_int64(divisor), result
    if c == 0:
        raise ZeroDivisionError("division by zero")
    if pm_multiply_divide(a, b, c, &result) < 0:
        raise overflow(str(first * second // divisor))
    return result
