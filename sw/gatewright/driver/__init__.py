"""The host driver: one :class:`Accelerator` over interchangeable backends. Needs numpy; a board also needs pynq."""

from gatewright.driver.accelerator import Accelerator
from gatewright.driver.arrays import DeviceArray
from gatewright.driver.errors import (
    AcceleratorError,
    AcceleratorTimeout,
    BackendUnavailable,
    BusProtocolError,
    ConfigMismatch,
    DriverError,
    GatewrightError,
    OutOfDeviceMemory,
)
from gatewright.driver.loaded_program import LoadedProgram
from gatewright.driver.report import EngineReport, Report

__all__ = [
    "Accelerator",
    "AcceleratorError",
    "AcceleratorTimeout",
    "BackendUnavailable",
    "BusProtocolError",
    "ConfigMismatch",
    "DeviceArray",
    "DriverError",
    "EngineReport",
    "GatewrightError",
    "LoadedProgram",
    "OutOfDeviceMemory",
    "Report",
]
