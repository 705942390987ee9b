"""Fixed-point arithmetic in millionths (e6), defined on unbounded integers.

A result that does not fit int64 raises E6OverflowError (rule M1). Only exact
`int` is accepted: a bool, a float or a Decimal raises TypeError.
"""

import re

from pm_data.errors import BadNumberError, E6OverflowError

ONE_E6 = 1_000_000
INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1

_PLAIN_DECIMAL = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,400}))?|\.([0-9]{1,400})")


def require_int64(value: object) -> int:
    """Return `value` if it is an exact int that fits int64.

    Raises:
        TypeError: not an exact int.
        E6OverflowError: out of range.
    """
    if type(value) is not int:
        raise TypeError(f"expected int, not {type(value).__name__}")
    if not INT64_MIN <= value <= INT64_MAX:
        raise E6OverflowError(f"{value} does not fit 64 bits")
    return value


def to_e6(text: str) -> int:
    """Return plain decimal text in millionths, rounded half up on the seventh decimal.

    Raises:
        TypeError: not a str.
        BadNumberError: an exponent, a sign, a space, a foreign digit, too many digits.
        E6OverflowError: the value does not fit int64.
    """
    if not isinstance(text, str):
        raise TypeError(f"expected str, not {type(text).__name__}")
    match = _PLAIN_DECIMAL.fullmatch(text)
    if match is None:
        raise BadNumberError(f"not a plain decimal: {text[:40]!r}")
    whole, fraction, bare_fraction = match.groups()
    decimals = fraction or bare_fraction or ""
    value = int((whole or "") + decimals[:6].ljust(6, "0"))
    if decimals[6:7] >= "5":
        value += 1
    return require_int64(value)


def from_e6(value: int) -> str:
    """Return the shortest decimal text of millionths: 870000 is `0.87`.

    Raises:
        TypeError, E6OverflowError: as `require_int64`.
    """
    require_int64(value)
    sign = "-" if value < 0 else ""
    whole, decimals = divmod(abs(value), ONE_E6)
    if not decimals:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{decimals:06d}".rstrip("0")


def notional(price_e6: int, size_e6: int) -> int:
    """Return price × size in millionths, rounded down (towards minus infinity).

    Raises:
        TypeError, E6OverflowError: as `require_int64`, for arguments and result.
    """
    require_int64(price_e6)
    require_int64(size_e6)
    return require_int64(price_e6 * size_e6 // ONE_E6)


def notional_up(price_e6: int, size_e6: int) -> int:
    """Return price × size in millionths, rounded up (towards plus infinity).

    Raises:
        TypeError, E6OverflowError: as `require_int64`, for arguments and result.
    """
    require_int64(price_e6)
    require_int64(size_e6)
    return require_int64(-(-price_e6 * size_e6 // ONE_E6))


def multiply_divide(first: int, second: int, divisor: int) -> int:
    """Return first × second / divisor, rounded down; the product itself may pass 64 bits.

    Raises:
        TypeError, E6OverflowError: as `require_int64`, for arguments and result.
        ZeroDivisionError: the divisor is 0.
    """
    require_int64(first)
    require_int64(second)
    require_int64(divisor)
    return require_int64(first * second // divisor)
