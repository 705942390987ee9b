# Names: small numbers for byte strings. decode_c.pyx includes this. Without the interpreter lock; no memory is -1.

cdef bint names_begin(Names *names) noexcept nogil:
    names.words = NULL
    names.count = names.capacity = 0
    names.mask = 1023
    names.slots = <Slot *>malloc(1024 * sizeof(Slot))
    if names.slots == NULL:
        return False
    memset(names.slots, 255, 1024 * sizeof(Slot))  # index -1
    return True


cdef void names_end(Names *names) noexcept nogil:
    cdef int32_t number
    for number in range(names.count):
        free(names.words[number].text)
    free(names.words)
    free(names.slots)


cdef int32_t names_find(const Names *names, const char *text, Py_ssize_t length, uint64_t code) noexcept nogil:
    """Return the text's number, or -1; `code` is its hash."""
    cdef size_t at = code & names.mask
    cdef const Word *word
    while names.slots[at].index >= 0:
        if names.slots[at].hash == code:
            word = &names.words[names.slots[at].index]
            if word.length == length and pm_same(word.text, text, length):
                return names.slots[at].index
        at = (at + 1) & names.mask
    return -1


cdef int32_t names_add(Names *names, const char *text, Py_ssize_t length, uint64_t code) noexcept nogil:
    """Return the number of a text that `names_find` does not know, from now on; -1 without memory."""
    cdef Word *words
    cdef char *copy
    cdef size_t at
    if names.count == names.capacity:
        words = <Word *>realloc(names.words, (2 * names.capacity + 64) * sizeof(Word))
        if words == NULL:
            return -1
        names.words, names.capacity = words, 2 * names.capacity + 64
    if <size_t>names.count * 2 > names.mask and not names_grow(names):
        return -1
    copy = <char *>malloc(length + 1)
    if copy == NULL:
        return -1
    memcpy(copy, text, length)
    names.words[names.count].text, names.words[names.count].length = copy, length
    at = code & names.mask
    while names.slots[at].index >= 0:
        at = (at + 1) & names.mask
    names.slots[at].hash, names.slots[at].index = code, names.count
    names.count += 1
    return names.count - 1


cdef bint names_grow(Names *names) noexcept nogil:
    cdef size_t size = 2 * (names.mask + 1), i, at
    cdef Slot *slots = <Slot *>malloc(size * sizeof(Slot))
    if slots == NULL:
        return False
    memset(slots, 255, size * sizeof(Slot))
    for i in range(names.mask + 1):
        if names.slots[i].index >= 0:
            at = names.slots[i].hash & (size - 1)
            while slots[at].index >= 0:
                at = (at + 1) & (size - 1)
            slots[at] = names.slots[i]
    free(names.slots)
    names.slots, names.mask = slots, size - 1
    return True


cdef int32_t names_number(Names *names, const char *text, Py_ssize_t length) noexcept nogil:
    """Return the number of any text, a new one where it has none; -1 without memory."""
    cdef uint64_t code = pm_hash(text, length)
    cdef int32_t number = names_find(names, text, length, code)
    return number if number >= 0 else names_add(names, text, length, code)
