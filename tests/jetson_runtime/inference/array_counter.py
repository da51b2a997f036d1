"""Counts the memory that NumPy takes for arrays: each call of its allocator, however short the array lives.

Through NumPy's own hook for other allocators (C-API reference, "Memory management in NumPy"; NEP 49), by ctypes.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

import numpy as np

_SET_HANDLER = 304  # its place in NumPy's table of C functions, numpy/__multiarray_api.h
_libc = ctypes.CDLL(None)
_libc.malloc.restype = _libc.realloc.restype = _libc.calloc.restype = ctypes.c_void_p
_libc.malloc.argtypes, _libc.free.argtypes = (ctypes.c_size_t,), (ctypes.c_void_p,)
_libc.calloc.argtypes = (ctypes.c_size_t, ctypes.c_size_t)
_libc.realloc.argtypes = (ctypes.c_void_p, ctypes.c_size_t)

_Malloc = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_Calloc = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
_Realloc = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_Free = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)

sizes: list[int] = []


def _count(size: int) -> int:
    sizes.append(size)
    return size


class _Handler(ctypes.Structure):
    """PyDataMem_Handler, version 1."""

    _fields_ = [
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        ("malloc", _Malloc),
        ("calloc", _Calloc),
        ("realloc", _Realloc),
        ("free", _Free),
    ]


# Arrays made under it are freed by it, whenever that is: it lives as long as the process.
_handler = _Handler(
    b"counting",
    1,
    None,
    _Malloc(lambda _, size: _libc.malloc(_count(size))),
    _Calloc(lambda _, count, size: _libc.calloc(count, _count(count * size) // max(count, 1))),
    _Realloc(lambda _, pointer, size: _libc.realloc(pointer, _count(size))),
    _Free(lambda _, pointer, __: _libc.free(pointer)),
)


@contextlib.contextmanager
def counted() -> Iterator[list[int]]:
    """The size in bytes of each array made in this thread from here on, 0-dimensional ones included."""
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype, capsule.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    set_handler = _set_handler()
    before = set_handler(capsule(ctypes.addressof(_handler), b"mem_handler", None))
    sizes.clear()
    try:
        yield sizes
    finally:
        set_handler(before)


def _set_handler() -> ctypes._FuncPointer:
    core = getattr(np, "_core", None) or np.core
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    table = ctypes.cast(pointer(core._multiarray_umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
    return ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(table[_SET_HANDLER])
