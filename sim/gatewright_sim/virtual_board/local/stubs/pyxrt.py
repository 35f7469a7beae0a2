"""The part of XRT's Python module that PYNQ 3.1 uses on a board, on the virtual board's ``libxrt_core.so``.

Called as in pynq 3.1.2, ``pl_server/xrt_device.py``: a device, buffers of it, and a sync of a whole buffer.
"""

from __future__ import annotations

import ctypes
import os
from enum import Enum
from pathlib import Path

_CACHEABLE = 1 << 24
_NO_BUFFER = 0xFFFF_FFFF

_xrt = ctypes.CDLL(str(Path(os.environ["XILINX_XRT"]) / "lib" / "libxrt_core.so"))
_xrt.xclOpen.restype = ctypes.c_void_p
_xrt.xclLoadXclBin.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
_xrt.xclAllocBO.restype = ctypes.c_uint
_xrt.xclAllocBO.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_uint]
_xrt.xclFreeBO.argtypes = [ctypes.c_void_p, ctypes.c_uint]
_xrt.xclMapBO.restype = ctypes.c_void_p
_xrt.xclMapBO.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_bool]
_xrt.xclSyncBO.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_size_t, ctypes.c_size_t]
_xrt.xclGetBOProperties.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p]

xrt_info_device = Enum(
    "xrt_info_device",
    "bdf dynamic_regions electrical host m2m max_clock_frequency_mhz mechanical memory name pcie_info thermal vmr",
)


class xclBOSyncDirection(Enum):
    """Which way a sync goes."""

    XCL_BO_SYNC_BO_TO_DEVICE = 0
    XCL_BO_SYNC_BO_FROM_DEVICE = 1


class _Properties(ctypes.Structure):
    _fields_ = (
        ("handle", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("size", ctypes.c_ulonglong),
        ("physical", ctypes.c_ulonglong),
        ("domain", ctypes.c_uint),
    )


class device:
    """The board's fabric."""

    def __init__(self, index: int) -> None:
        self.handle = _xrt.xclOpen(index, None, 0)
        if not self.handle:
            raise RuntimeError(f"Could not open device with index '{index}'")

    def get_info(self, key: xrt_info_device) -> str:
        """Only a name is known."""
        return "edge" if key is xrt_info_device.name else ""

    def load_xclbin(self, path: str) -> bytes:
        """Returns its UUID."""
        content = Path(path).read_bytes()
        if _xrt.xclLoadXclBin(self.handle, content):
            raise RuntimeError(f"{path}: not an xclbin")
        return content[416:432]


class bo:
    """A buffer, freed with this object."""

    class flags(Enum):
        """How the CPU sees it."""

        normal = 0
        cacheable = _CACHEABLE

    def __init__(self, owner: device, size: int, flags: flags, group: int) -> None:
        self._owner = owner
        self._buffer = _xrt.xclAllocBO(owner.handle, size, 0, flags.value | group)
        if self._buffer == _NO_BUFFER:
            raise RuntimeError("failed to allocate userptr bo: Cannot allocate memory")

    def _properties(self) -> _Properties:
        properties = _Properties()
        _xrt.xclGetBOProperties(self._owner.handle, self._buffer, ctypes.byref(properties))
        return properties

    def size(self) -> int:
        """In bytes."""
        return int(self._properties().size)

    def address(self) -> int:
        """Physical."""
        return int(self._properties().physical)

    def map(self) -> memoryview:
        """The CPU's view, which whoever maps it may unmap."""
        size = self.size()
        return memoryview((ctypes.c_char * size).from_address(_xrt.xclMapBO(self._owner.handle, self._buffer, True)))

    def sync(self, direction: xclBOSyncDirection) -> None:
        """The whole buffer."""
        if _xrt.xclSyncBO(self._owner.handle, self._buffer, direction.value, self.size(), 0):
            raise RuntimeError("failed to sync bo")

    def __del__(self) -> None:
        if getattr(self, "_buffer", _NO_BUFFER) != _NO_BUFFER:
            _xrt.xclFreeBO(self._owner.handle, self._buffer)
