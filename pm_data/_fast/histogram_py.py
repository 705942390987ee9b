"""A log-linear histogram of durations: 32 buckets to each power of two, so exact to 1 part in 32.

Below 64 every value has a bucket of its own. Memory is one array of fixed size.
"""

from array import array

from pm_data._fast.e6_py import require_int64

_HALF = 32
_BUCKETS = _HALF * 59  # the largest int64 has 63 bits: it lies in the 58th group of 32 after the first


class Histogram:
    """Counts durations in ns."""

    def __init__(self) -> None:
        self._buckets = array("q", bytes(8 * _BUCKETS))
        self._count = 0
        self._max_ns = 0

    @property
    def count(self) -> int:
        """How many durations there were."""
        return self._count

    @property
    def max_ns(self) -> int:
        """The longest, exactly; 0 without any."""
        return self._max_ns

    def add(self, duration_ns: int) -> None:
        """Count one duration; a negative one counts as 0.

        Raises:
            TypeError, E6OverflowError: as `e6.require_int64`; nothing has changed.
        """
        duration_ns = max(require_int64(duration_ns), 0)
        shift = max(duration_ns.bit_length() - 6, 0)
        self._buckets[_HALF * shift + (duration_ns >> shift)] += 1
        self._count += 1
        self._max_ns = max(self._max_ns, duration_ns)

    def quantile(self, per_mille: int) -> int:
        """Return the upper end of the quantile's bucket, ns, at most the longest; 0 without any.

        Raises:
            TypeError, E6OverflowError: as `e6.require_int64`.
            ValueError: `per_mille` is not from 0 to 1000.
        """
        if not 0 <= require_int64(per_mille) <= 1000:
            raise ValueError(f"{per_mille} is not from 0 to 1000")
        wanted = -(-self._count * per_mille // 1000)
        for bucket, found in enumerate(self._buckets):
            wanted -= found
            if wanted <= 0:
                shift = max(bucket // _HALF - 1, 0)
                upper = ((bucket - _HALF * shift + 1) << shift) - 1
                return min(upper, self._max_ns)
        return self._max_ns
