# SHA-256 of two texts or files at a time. records_c.pyx includes this.

cdef class Sha256:
    """The SHA-256 of bytes that come some at a time; see the twin. Other threads run meanwhile."""

    cdef pm_sha _state
    cdef object _elsewhere

    def __init__(self):
        self._elsewhere = None if pm_sha_supported() else sha256()
        pm_sha_begin(&self._state)

    def update(self, const unsigned char[::1] data not None):
        """Add bytes."""
        if self._elsewhere is not None:
            self._elsewhere.update(data)
        elif data.shape[0]:
            with nogil:
                pm_sha_update(&self._state, &data[0], data.shape[0])

    def hexdigest(self):
        """Return the digest of all bytes so far, in lower-case hex."""
        cdef unsigned char digest[32]
        if self._elsewhere is not None:
            return self._elsewhere.hexdigest()
        pm_sha_finish(&self._state, digest)
        return digest[:32].hex()


def update_two(
    Sha256 first not None,
    const unsigned char[::1] data not None,
    Sha256 second not None,
    const unsigned char[::1] other not None,
):
    """Add bytes to two digests at once; see the twin."""
    if first is second or first._elsewhere is not None or not data.shape[0] or not other.shape[0]:
        first.update(data)
        second.update(other)
        return
    with nogil:
        pm_sha_update_two(
            &first._state, &data[0], data.shape[0], &second._state, &other[0], other.shape[0]
        )


cdef extern from *:
    """
    #ifdef _WIN32
    #include <io.h>
    #define pm_read(fd, to, size) _read(fd, to, (unsigned)(size))
    #else
    #include <unistd.h>
    #define pm_read read
    #endif
    """
    Py_ssize_t pm_read(int fd, void *to, size_t size) nogil

cdef enum:
    BLOCK_BYTES = 256 * 1024


def file_digests(files, stop not None):
    """Return the SHA-256 of one or two files' first bytes, in hex, and close them; see the twin.

    All the while other threads run: a thread that asked for the interpreter again and again would hold them up.
    """
    cdef pm_sha states[2]
    cdef int fds[2]
    cdef int64_t left[2]
    cdef Py_ssize_t got[2]
    cdef unsigned char *blocks
    cdef unsigned char digest[32]
    cdef const unsigned char[::1] asked = stop
    cdef const unsigned char *flag = &asked[0]
    cdef int count = len(files), i
    cdef bint is_bad = False
    if not pm_sha_supported() or not 1 <= count <= 2:
        return _file_digests(files, stop)
    blocks = <unsigned char *>PyMem_Malloc(2 * BLOCK_BYTES)
    if blocks == NULL:
        raise MemoryError
    fds[0] = fds[1] = -1
    left[0] = left[1] = 0
    for i in range(count):
        fds[i], left[i] = files[i]
        pm_sha_begin(&states[i])
    try:
        with nogil:
            while left[0] or left[1]:
                if (<const volatile unsigned char *>flag)[0]:
                    break
                for i in range(2):
                    got[i] = 0
                    if left[i]:
                        got[i] = pm_read(fds[i], blocks + i * BLOCK_BYTES, min(left[i], BLOCK_BYTES))
                        if got[i] < 0:
                            is_bad = True
                            break
                        left[i] = 0 if got[i] == 0 else left[i] - got[i]
                if is_bad:
                    break
                if got[0] and got[1]:
                    pm_sha_update_two(&states[0], blocks, got[0], &states[1], blocks + BLOCK_BYTES, got[1])
                else:
                    for i in range(2):
                        if got[i]:
                            pm_sha_update(&states[i], blocks + i * BLOCK_BYTES, got[i])
        if is_bad:
            PyErr_SetFromErrno(OSError)
        found = []
        for i in range(count):
            pm_sha_finish(&states[i], digest)
            found.append(digest[:32].hex())
        return found
    finally:
        PyMem_Free(blocks)
        for i in range(count):
            os.close(fds[i])
