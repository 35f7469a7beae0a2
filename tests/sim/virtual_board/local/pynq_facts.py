"""What an unmodified PYNQ finds and does on the board it runs on; prints it as JSON. Argument: a bitstream."""

import asyncio
import json
import os
import platform
import sys
import warnings
from pathlib import Path

import numpy as np
import pynq
from pynq.pl_server.device import Device
from pynq.uio import UioController, get_uio_device

facts = {"version": pynq.__version__, "machine": platform.machine(), "user": os.geteuid()}
facts["device"] = type(Device.active_device).__name__
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    overlay = pynq.Overlay(sys.argv[1])
facts["warnings"] = [str(each.message) for each in caught]
facts["blocks"] = sorted(overlay.ip_dict)
facts["interrupt_pins"] = sorted(overlay.interrupt_pins)
facts["registers"] = sorted(overlay.ip_dict["gatewright"]["registers"])
facts["state"] = Path("/sys/class/fpga_manager/fpga0/state").read_text()
facts["firmware"] = sorted(os.listdir("/lib/firmware"))

registers = overlay.ip_dict["gatewright"]["registers"]
offset = {name: entry["address_offset"] for name, entry in registers.items()}
mmio = pynq.MMIO(overlay.ip_dict["gatewright"]["phys_addr"], 4096)


def start() -> None:
    """A program without commands, which ends at once."""
    mmio.write(offset["IRQ_ENABLE"], 1)
    mmio.write(offset["PROGRAM_COUNT"], 0)
    mmio.write(offset["CONTROL"], 1)


async def wait_for_uio() -> int:
    """Through the UIO node alone."""
    controller = UioController(get_uio_device("fabric"))
    for _ in range(3):
        done = asyncio.Event()
        controller.add_event(done, 0)
        start()
        await asyncio.wait_for(done.wait(), 30)
        mmio.write(offset["IRQ_STATUS"], 1)
    return 3


async def wait_for_interrupt() -> int:
    """Through PYNQ's interrupts, which know the controller in the fabric."""
    interrupt = pynq.Interrupt("gatewright/irq")
    for _ in range(3):
        start()
        await asyncio.wait_for(interrupt.wait(), 30)
        mmio.write(offset["IRQ_STATUS"], 1)
    return 3


loop = asyncio.get_event_loop()
facts["uio"] = loop.run_until_complete(wait_for_uio())
facts["interrupts"] = loop.run_until_complete(wait_for_interrupt())

block = overlay.gatewright
facts["id"] = int(block.register_map.ID)
facts["first"] = [mmio.read(offset) for offset in (0, 4, 8, 12)]
facts["slice"] = [int(word) for word in mmio.array[0:4]]
facts["clock"] = pynq.Clocks.fclk0_mhz

line = []
for cacheable in (0, 1):
    buffer = pynq.allocate((4096,), dtype=np.uint32, cacheable=cacheable)
    memory = pynq.MMIO(buffer.device_address, 4 * buffer.size)  # DRAM, past the caches
    steps = []
    buffer[:] = 1
    steps.append([memory.read(0), memory.read(400)])
    buffer[:16].flush()
    steps.append([memory.read(0), memory.read(400)])
    memory.write(0, 7)
    memory.write(400, 7)
    steps.append([int(buffer[0]), int(buffer[100])])
    buffer[:16].invalidate()
    steps.append([int(buffer[0]), int(buffer[100])])
    line.append(steps)
    buffer.freebuffer()
facts["coherence"] = line
facts["big"] = []
try:
    pynq.allocate((200 << 20,), dtype=np.uint8)
except RuntimeError as error:
    facts["big"].append(str(error))


print(json.dumps(facts), flush=True)
