"""Accelerators on every backend; the board is pynq itself over a device whose fabric is the golden machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatewright.driver import Accelerator
from gatewright.spec.config import AcceleratorConfig, get_config
from gatewright.spec.registers import BLOCK_NAME
from gatewright_sim.golden.machine import GoldenMachine
from gatewright_sim.memory import SimulatedMemory

REGISTERS_AT = 0x43C0_0000
SLCR = 0xF800_0000

CLOCKS = "".join(
    f"""<PARAMETER NAME="PCW_FPGA_FCLK{i}_ENABLE" VALUE="{int(i == 0)}"/>
    <PARAMETER NAME="PCW_FCLK{i}_PERIPHERAL_DIVISOR0" VALUE="5"/>
    <PARAMETER NAME="PCW_FCLK{i}_PERIPHERAL_DIVISOR1" VALUE="2"/>
    <PARAMETER NAME="PCW_FCLK{i}_PERIPHERAL_CLKSRC" VALUE="IO PLL"/>"""
    for i in range(4)
)
PORT = """<BUSINTERFACES>
  <BUSINTERFACE BUSNAME="axi" DATAWIDTH="32" NAME="{name}" TYPE="{kind}" VLNV="xilinx.com:interface:aximm:1.0">
    <PARAMETERS/><PORTMAPS/>
  </BUSINTERFACE>
</BUSINTERFACES>"""
HANDOFF = """<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<EDKSYSTEM EDWVERSION="1.2" TIMESTAMP="Thu Jan  1 00:00:00 2026" VIVADOVERSION="2024.1">
  <SYSTEMINFO ARCH="zynq" DEVICE="7z020" NAME="gatewright" PACKAGE="clg400" SPEEDGRADE="-1"/>
  <EXTERNALPORTS/>
  <EXTERNALINTERFACES/>
  <MODULES>
    <MODULE FULLNAME="/ps7" HWVERSION="5.5" INSTANCE="ps7" IPTYPE="PERIPHERAL" IS_ENABLE="1" IS_PL="FALSE"
        MODTYPE="processing_system7" VLNV="xilinx.com:ip:processing_system7:5.5">
      <PARAMETERS>{clocks}</PARAMETERS>
      <PORTS/>
      {ps_port}
      <MEMORYMAP>
        <MEMRANGE ADDRESSBLOCK="reg0" BASENAME="C_BASEADDR" BASEVALUE="{low:#010x}" HIGHNAME="C_HIGHADDR"
            HIGHVALUE="{high:#010x}" INSTANCE="accelerator_0" IS_DATA="TRUE" IS_INSTRUCTION="TRUE"
            MASTERBUSINTERFACE="M_AXI_GP0" MEMTYPE="REGISTER" SLAVEBUSINTERFACE="s_axil"/>
      </MEMORYMAP>
      <PERIPHERALS><PERIPHERAL INSTANCE="accelerator_0"/></PERIPHERALS>
    </MODULE>
    <MODULE FULLNAME="/accelerator_0" HWVERSION="1.0" INSTANCE="accelerator_0" IPTYPE="PERIPHERAL" IS_ENABLE="1"
        MODCLASS="PERIPHERAL" MODTYPE="{block}" VLNV="gatewright:user:{block}:1.0">
      <PARAMETERS/>
      <PORTS/>
      {ip_port}
    </MODULE>
  </MODULES>
</EDKSYSTEM>
"""


def write_bitstream(folder: Path, block: str = BLOCK_NAME) -> Path:
    """A bitstream (empty) and the hardware handoff that pynq reads beside it."""
    handoff = HANDOFF.format(
        clocks=CLOCKS,
        ps_port=PORT.format(name="M_AXI_GP0", kind="MASTER"),
        ip_port=PORT.format(name="s_axil", kind="SLAVE"),
        low=REGISTERS_AT,
        high=REGISTERS_AT + 0xFFF,
        block=block,
    )
    (folder / "gatewright.hwh").write_text(handoff)
    path = folder / "gatewright.bit"
    path.write_bytes(b"")
    return path


def make_device(config: AcceleratorConfig) -> Any:
    """A ``pynq.Device`` like a Zynq-7000's. Host buffers are caches of device memory: only flushed writes reach it."""
    from pynq.buffer import PynqBuffer
    from pynq.pl_server.device import Device
    from pynqmetadata.frontends import Metadata
    from pynqmetadata.views.runtime import RuntimeMetadataParser

    class GoldenDevice(Device):
        def __init__(self) -> None:
            super().__init__("golden")
            self.name = "golden"
            self.arch = "armv7l"
            self.capabilities = {"REGISTER_RW": True}
            self.memory = SimulatedMemory()
            self.machine = GoldenMachine(config, self.memory)
            self.downloads = 0
            self.live = 0
            self.slcr = {SLCR + 0x108: 30 << 12}  # IO PLL: 30 x 50 MHz

        def get_bitfile_metadata(self, bitfile_name: str, partial: bool = False) -> Any:
            return RuntimeMetadataParser(Metadata(input=Path(bitfile_name).with_suffix(".hwh")))

        def download(self, bitstream: Any, parser: Any = None) -> None:
            self.downloads += 1
            self.memory.faults.hang = False
            self.machine.reset()
            self.post_download(bitstream, parser)

        def read_registers(self, address: int, length: int) -> bytes:
            inside = REGISTERS_AT <= address < REGISTERS_AT + 0x1000
            value = self.machine.read(address - REGISTERS_AT) if inside else self.slcr.get(address, 0)
            return value.to_bytes(length, "little")

        def write_registers(self, address: int, data: bytes) -> None:
            value = int.from_bytes(data, "little")
            if REGISTERS_AT <= address < REGISTERS_AT + 0x1000:
                self.machine.write(address - REGISTERS_AT, value)
                self.machine.run()
            else:
                self.slcr[address] = value

        def allocate(self, shape: Any, dtype: Any, **_: Any) -> Any:
            memory = self.memory.allocate(int(np.prod(shape)))
            buffer = PynqBuffer(shape, dtype, device=self, device_address=memory.address, bo=memory.address)
            buffer[...] = 0xA5  # what a cache happens to hold
            buffer.memory, buffer.pointer, buffer.return_to, buffer.freed = self, memory, self, True
            self.live += 1
            return buffer

        def return_pointer(self, memory: Any) -> None:
            memory.free()
            self.live -= 1

        def _span(self, bo: int, offset: int, nbytes: int) -> slice:
            start = bo + offset - self.memory.base
            return slice(start, start + nbytes)

        def flush(self, bo: int, offset: int, pointer: int, nbytes: int) -> None:
            self.memory.array[self._span(bo, offset, nbytes)] = _host(pointer, nbytes)

        def invalidate(self, bo: int, offset: int, pointer: int, nbytes: int) -> None:
            _host(pointer, nbytes)[...] = self.memory.array[self._span(bo, offset, nbytes)]

    return GoldenDevice()


def _host(pointer: int, nbytes: int) -> np.ndarray:
    import ctypes

    return np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(pointer))


@pytest.fixture
def bitstream(tmp_path: Path) -> Callable[..., Path]:
    """Writes a bitstream with its handoff file; ``block`` names the block inside."""
    return lambda block="gatewright_top": write_bitstream(tmp_path, block)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The device, active in pynq, with a fabric of config tiny."""
    pynq = pytest.importorskip("pynq")
    made = make_device(get_config("tiny"))
    monkeypatch.setattr(pynq.Device, "_active_device", made, raising=False)
    monkeypatch.setattr(pynq.Clocks, "_real_instance", None, raising=False)
    monkeypatch.delattr(pynq.Clocks, "_real_instance")
    return made


@pytest.fixture
def open_accelerator(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Accelerator]]:
    """Opens an accelerator of config tiny on a backend by name; all are closed at the end."""
    opened: list[Accelerator] = []

    def open_(backend: str, **options: Any) -> Accelerator:
        if backend == "board":
            request.getfixturevalue("device")
            options.setdefault("bitstream", write_bitstream(tmp_path))
        opened.append(Accelerator("tiny", backend, **options))
        return opened[-1]

    yield open_
    for accelerator in opened:
        accelerator.close()
