"""What PYNQ (3.0.1 to 4.0.0) makes of an overlay, as JSON: `python overlay_probe.py BIT ARCH IRQ WORDS`.

The machine pretends to be a board's: ``ARCH``, and a UIO device for the interrupt number ``IRQ``. The device is one of
memory alone, with ``WORDS`` (JSON, by address) in it. Everything else is PYNQ's own. Warnings are errors.
"""

import asyncio
import json
import os
import sys
import warnings
from pathlib import Path

BIT, ARCH, IRQ, WORDS = sys.argv[1:]

real = os.uname()
os.uname = lambda: os.uname_result((real.sysname, real.nodename, real.release, real.version, ARCH))
warnings.simplefilter("ignore")  # of packages while they are imported

import pynq.lib  # noqa: E402
from pynq.interrupt import _InterruptController  # noqa: E402
from pynq.pl_server.device import Device  # noqa: E402
from pynq.pl_server.embedded_device import EmbeddedDevice  # noqa: E402
from pynqmetadata.frontends import Metadata  # noqa: E402
from pynqmetadata.views.runtime import RuntimeMetadataParser  # noqa: E402


class MemoryDevice(Device):
    """Registers keep what is written to them."""

    def __init__(self):
        super().__init__("memory")
        self.name = "memory"
        self.arch = ARCH
        self.capabilities = {"REGISTER_RW": True}
        self.words = {int(address): value for address, value in json.loads(WORDS).items()}
        self.accesses = []

    def get_bitfile_metadata(self, bitfile_name, partial=False):
        return RuntimeMetadataParser(Metadata(input=Path(bitfile_name).with_suffix(".hwh")))

    def read_registers(self, address, length):
        value = self.words.get(address, 0)
        self.accesses.append((address, None))
        return value.to_bytes(length, "little")

    def write_registers(self, address, data):
        self.words[address] = int.from_bytes(data, "little")
        self.accesses.append((address, self.words[address]))

    def download(self, bitstream, parser=None):
        EmbeddedDevice.set_axi_port_width(self, parser)

    def gen_cache(self, bitstream, parser=None):
        """PYNQ's own writes into its installation."""


class Uio:
    """What stands behind PYNQ's controllers: whoever waits is told at once."""

    def add_event(self, event, number):
        self.waiting = event


device = MemoryDevice()
Device.active_device = device
_InterruptController._uio_devices[int(IRQ)] = uio = Uio()
warnings.simplefilter("error")
overlay = pynq.Overlay(BIT, device=device)
written = {address: value for address, value in device.accesses if value is not None}
described = overlay.ip_dict["gatewright"]
device.words[described["phys_addr"]] = int.from_bytes(b"GWRT", "big")
block = overlay.gatewright
controller = overlay.ip_dict["interrupts"]["phys_addr"]


async def interrupted():
    """Wait for the block's interrupt; the accesses to the interrupt controller that this takes."""
    device.accesses.clear()
    task = asyncio.ensure_future(block.irq.wait())
    await asyncio.sleep(0)
    device.words[controller + 0x04] = 1
    uio.waiting.set()
    await task
    return [(address - controller, value) for address, value in device.accesses]


print(
    json.dumps(
        {
            "pynq": pynq.__version__,
            "id": block.read(0),
            "ip": {
                name: [entry["type"], entry["phys_addr"], entry["addr_range"]]
                for name, entry in overlay.ip_dict.items()
                if "phys_addr" in entry
            },
            "registers": {
                name: {
                    "offset": entry["address_offset"],
                    "bits": entry["size"],
                    "access": entry["access"],
                    "doc": entry["description"],
                    "fields": {
                        field: [values["bit_offset"], values["bit_width"]] for field, values in entry["fields"].items()
                    },
                }
                for name, entry in described["registers"].items()
            },
            "parameters": described["parameters"],
            "interrupt_pins": list(overlay.interrupt_pins),
            "interrupt": asyncio.run(interrupted()),
            "written": written,
        }
    )
)
