"""What PYNQ's own remote client does with a board, as JSON: ``python client.py PORT BIT...``, of any version.

Only the folder in which pynq keeps what it knows of overlays is another, since its own is its installation.
"""

import json
import os
import sys
import warnings

import numpy as np

PORT, *BITS = sys.argv[1:]

warnings.simplefilter("ignore")
import pynq  # noqa: E402
import pynq.pl_server.embedded_device as embedded  # noqa: E402
import pynq.pl_server.global_state as state  # noqa: E402
import pynq.pl_server.remote_device as remote  # noqa: E402

state.STATE_DIR = os.getcwd()
remote.__file__ = embedded.__file__ = os.path.join(os.getcwd(), "module.py")

device = remote.RemoteDevice(0, "127.0.0.1", int(PORT))
pynq.Device.active_device = device  # on Zynq UltraScale+, pynq sets port widths on that one, whichever it is
found = {"pynq": pynq.__version__, "arch": device.arch, "name": device.name, "downloads": []}
for bit in BITS:
    overlay = pynq.Overlay(bit, device=device)
    found["downloads"].append(device.read_file("/sys/class/fpga_manager/fpga0/state").decode().strip())
block = overlay.ip_dict["gatewright"]
if found["downloads"][-1] == "operating":
    registers = pynq.MMIO(block["phys_addr"], block["addr_range"], device=device)
    found["id"] = registers.read(0)
    registers.write(0x30, 0xFFFF_FFF8)
    found["upper bit"] = registers.read(0x30)
    registers.write(0x30, b"\x08\0\0\0\x10\0\0\0")
    found["bytes"] = [registers.read(0x30), registers.read(0x34)]
buffer = pynq.allocate((100, 200), np.int16, target=device)
buffer[:] = np.arange(20_000).reshape(100, 200)
buffer.flush()
buffer[:] = 0
buffer.invalidate()
found["buffer"] = bool((np.asarray(buffer) == np.arange(20_000).reshape(100, 200)).all())
found["address"] = buffer.device_address
try:
    buffer[10:20].invalidate()
    found["slice"] = "read"
except ValueError:
    found["slice"] = "refused"
buffer.freebuffer()
huge = pynq.allocate((300 << 20,), np.uint8, target=device)
try:
    found["huge"] = huge.device_address
except Exception as error:
    found["huge"] = error.code().name
print(json.dumps(found))
