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

block = overlay.gatewright
facts["id"] = int(block.register_map.ID)
mmio = pynq.MMIO(overlay.ip_dict["gatewright"]["phys_addr"], 4096)
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


async def wait() -> int:
    device = get_uio_device("fabric")
    events = []
    controller = UioController(device)
    for _ in range(2):
        done = asyncio.Event()
        controller.add_event(done, 0)
        print("armed", flush=True)
        await asyncio.wait_for(done.wait(), 30)
        events.append(device)
    return len(events)


asyncio.set_event_loop(asyncio.new_event_loop())
facts["interrupts"] = asyncio.get_event_loop().run_until_complete(wait())
print(json.dumps(facts), flush=True)
