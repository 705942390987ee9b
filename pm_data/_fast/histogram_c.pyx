"""A log-linear histogram of durations; histogram_py.py is the definition."""

include "source_digest.pxi"

from libc.stdint cimport int64_t, uint64_t

from pm_data._fast.e6_c cimport as_int64

cdef enum:
    HALF = 32
    BUCKETS = 1888  # HALF * 59


cdef class Histogram:
    """Counts durations in ns."""

    cdef int64_t _buckets[BUCKETS]
    cdef int64_t _count
    cdef int64_t _max_ns

    @property
    def count(self):
        """How many durations there were."""
        return self._count

    @property
    def max_ns(self):
        """The longest, exactly; 0 without any."""
        return self._max_ns

    def add(self, object duration_ns):
        """Count one duration; a negative one counts as 0."""
        cdef int64_t duration = as_int64(duration_ns), rest
        cdef int shift = 0
        if duration < 0:
            duration = 0
        rest = duration >> 6
        while rest:
            shift += 1
            rest >>= 1
        # duration >> shift is below 64 and shift at most 57
        self._buckets[HALF * shift + (duration >> shift)] += 1
        self._count += 1
        if duration > self._max_ns:
            self._max_ns = duration

    def quantile(self, object per_mille):
        """Return the upper end of the quantile's bucket, ns, at most the longest; 0 without any."""
        cdef int64_t wanted, upper, thousandths = as_int64(per_mille)
        cdef int bucket, shift
        if not 0 <= thousandths <= 1000:
            raise ValueError(f"{per_mille} is not from 0 to 1000")
        # whole thousands apart, so that no product passes 64 bits
        wanted = self._count // 1000 * thousandths + (self._count % 1000 * thousandths + 999) // 1000
        for bucket in range(BUCKETS):
            wanted -= self._buckets[bucket]
            if wanted <= 0:
                shift = bucket // HALF - 1
                if shift < 0:
                    shift = 0
                # In unsigned numbers, for the last bucket ends at 2^63 - 1.
                upper = <int64_t>(((<uint64_t>(bucket - HALF * shift + 1)) << shift) - 1)
                return upper if upper < self._max_ns else self._max_ns
        return self._max_ns
