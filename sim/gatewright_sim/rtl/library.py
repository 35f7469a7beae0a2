"""The compiled simulator's C interface (harness.cpp) as Python sees it."""

from __future__ import annotations

import ctypes
from pathlib import Path

from gatewright.driver.errors import BackendUnavailable
from gatewright_sim.dram.timing import DramTiming, PortTiming

__all__ = ["load"]


_HANDLE = ctypes.c_void_p
_SIGNATURES = {
    "gw_open": (
        _HANDLE,
        (
            *(ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64),
            *(ctypes.POINTER(DramTiming), ctypes.POINTER(PortTiming), ctypes.c_uint64),
        ),
    ),
    "gw_close": (None, (_HANDLE,)),
    "gw_reset": (None, (_HANDLE,)),
    "gw_run": (ctypes.c_int, (_HANDLE, ctypes.c_uint64)),
    "gw_read": (ctypes.c_int, (_HANDLE, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32))),
    "gw_write": (ctypes.c_int, (_HANDLE, ctypes.c_uint32, ctypes.c_uint32)),
    "gw_trace_open": (None, (_HANDLE, ctypes.c_char_p)),
    "gw_cycles": (ctypes.c_uint64, (_HANDLE,)),
    "gw_timed_cycles": (ctypes.c_uint64, (_HANDLE,)),
    "gw_timed_seconds": (ctypes.c_double, (_HANDLE,)),
    "gw_read_beats": (ctypes.c_uint64, (_HANDLE,)),
    "gw_write_beats": (ctypes.c_uint64, (_HANDLE,)),
    "gw_violation": (ctypes.c_char_p, (_HANDLE,)),
    "gw_faults": (None, (_HANDLE, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int)),
    "gw_lose_odd_words": (None, (_HANDLE, ctypes.c_int)),
    "gw_stalls": (None, (_HANDLE, ctypes.c_uint32, ctypes.c_uint64)),
}


def load(path: Path) -> ctypes.CDLL:
    """Load a library of :func:`gatewright_sim.rtl.build.build_library`. Calls release Python's interpreter lock.

    Raises :class:`BackendUnavailable` where the system refuses, as for a cache on a file system mounted ``noexec``.
    """
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise BackendUnavailable(f"the RTL simulator cannot be loaded: {error}") from error
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
