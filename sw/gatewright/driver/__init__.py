"""The host driver: one :class:`Accelerator` over interchangeable backends. Needs numpy; a board also needs pynq."""

from gatewright.driver.accelerator import Accelerator
from gatewright.driver.errors import (
    AcceleratorClosed,
    AcceleratorError,
    AcceleratorTimeout,
    BackendUnavailable,
    BusProtocolError,
    ConfigMismatch,
    DriverError,
    ForkedAccelerator,
    GatewrightError,
    OutOfDeviceMemory,
)
from gatewright.driver.memory.arrays import DeviceArray
from gatewright.driver.programs.loaded_program import CallReport, LoadedProgram
from gatewright.driver.report import EngineReport, Report
from gatewright.driver.session import CallableProgram, Session
from gatewright.driver.stopwatch import CallSeconds

__all__ = [
    "Accelerator",
    "AcceleratorClosed",
    "AcceleratorError",
    "AcceleratorTimeout",
    "BackendUnavailable",
    "BusProtocolError",
    "CallReport",
    "CallSeconds",
    "CallableProgram",
    "ConfigMismatch",
    "DeviceArray",
    "DriverError",
    "EngineReport",
    "ForkedAccelerator",
    "GatewrightError",
    "LoadedProgram",
    "OutOfDeviceMemory",
    "Report",
    "Session",
]
