# Makes a record without its constructor, for the loops that make millions.

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF

cdef extern from "Python.h":
    void PyObject_GC_UnTrack(PyObject *record)
    void PyTuple_SET_ITEM(object record, Py_ssize_t place, object value)

cdef extern from *:
    """
    static inline PyObject *pm_new_tuple(PyObject *type, Py_ssize_t size) {
        return ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, size);
    }
    """
    object pm_new_tuple(object kind, Py_ssize_t size)


cdef inline void _put(object record, Py_ssize_t place, object value):
    Py_INCREF(value)  # SET_ITEM takes a reference over
    PyTuple_SET_ITEM(record, place, value)
