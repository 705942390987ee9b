# Each <stem>_c.pyx includes this; setup.py defines the macro, the switch compares the value at import.

cdef extern from *:
    const char *PM_DATA_SOURCE_DIGEST

SOURCE_DIGEST = PM_DATA_SOURCE_DIGEST.decode("ascii")
