"""Builds: from a board and a configuration to a bitstream that says how fast it may run, by one flow or another."""

from gatewright_hw.build.build import FLOWS, build, collect, prepare
from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.flow import LOG, Flow, Request, Result, TimedPath
from gatewright_hw.build.steps import Steps

__all__ = [
    "FLOWS",
    "LOG",
    "BuildError",
    "Flow",
    "Request",
    "Result",
    "Steps",
    "TimedPath",
    "build",
    "collect",
    "prepare",
]
