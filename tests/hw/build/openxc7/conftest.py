"""A part of a few tiles that there is not, its database in Project X-Ray's format, and bitstreams for it.

Two DSP48E1 stand beside five tiles of interconnect; a slice and the processing system are their neighbours. Which pins
have switches of their own to 0 and 1 is as in the real tiles; where the bits are is made up.
"""

import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

PART, DEVICE, IDCODE = "xc7z010clg400-1", "xc7z010", 0x0372_2093
WORDS = 101
TIED = [*(f"INMODE{i}" for i in range(5)), "ALUMODE2", "ALUMODE3", "OPMODE6", "CARRYINSEL2"]
ROUTED = [*(f"OPMODE{i}" for i in range(6)), "ALUMODE0", "ALUMODE1", "CARRYINSEL0", "CARRYINSEL1", "CARRYIN"]
REGISTERS = ["AD", "ALUMODE", "CARRYIN", "CARRYINSEL", "C", "D", "INMODE", "M", "OPMODE", "P"]
ROWS, LANES = 5, 5
COLUMNS = {"INT_L": 0, "DSP_L": 1, "CLK_HROW_BOT_R": 2}
BASE = 1 << 22
"""Frames of the lower half, row 0; column 0 is interconnect, column 1 DSP, column 2 clocks."""

INPUTS = ("IRQF2P0", "IRQF2P1", "SAXIHP0WID0", "SAXIHP0WID1")


class Fabric:
    """The part: its database below ``root``, and bitstreams by the features that they set."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bits: dict[str, dict[str, tuple[int, int]]] = {}
        self._write()

    # -- database

    def _write(self) -> None:
        clocks = [f"BUFHCE.BUFHCE_X0Y{y}.{name}" for y in (0, 1) for name in ("IN_USE", "ZINV_CE")]
        for kind, features in (("INT_L", self._interconnect()), ("DSP_L", self._dsp()), ("CLK_HROW_BOT_R", clocks)):
            width = 32 * (2 if kind == "INT_L" else 10)
            self.bits[kind] = {name: divmod(place, width) for place, name in enumerate(features)}
            lines = [f"{kind}.{name} {frame:02}_{bit:02}" for name, (frame, bit) in self.bits[kind].items()]
            self._text(f"segbits_{kind.lower()}.db", "\n".join(lines) + "\n")
        self._tile_types()
        self._text("ppips_int_l.db", "".join(f"INT_L.{wire}.VCC_WIRE default\n" for wire in self._sinks()))
        always = [f"DSP_L.DSP_{s}_{pin}.{self._imux(s, pin)} always\n" for s in (0, 1) for pin in ROUTED]
        self._text("ppips_dsp_l.db", "".join(always))
        self._text("ppips_clbll_l.db", "CLBLL_L.CLBLL_LOGIC_OUTS8.CLBLL_L_A always\n")
        self._json(f"{DEVICE}/tilegrid.json", self._grid())
        self._json(f"{DEVICE}/tileconn.json", self._connections())
        frames = {"configuration_columns": {str(column): {"frame_count": 3} for column in COLUMNS.values()}}
        memory = {"configuration_columns": {"0": {"frame_count": 2}}}
        row = {"configuration_buses": {"CLB_IO_CLK": frames, "BLOCK_RAM": memory}}
        part = {"idcode": IDCODE, "global_clock_regions": {"top": {"rows": {"0": row}}, "bottom": {"rows": {"0": row}}}}
        self._json(f"{PART}/part.json", part)
        self._text(f"{PART}/part.yaml", "made up\n")

    @staticmethod
    def _sinks() -> list[str]:
        return [f"{name}_L{lane}" for name in ("IMUX", "BYP") for lane in range(LANES)]

    def _interconnect(self) -> list[str]:
        return ["GFAN0.GND_WIRE", *(f"{wire}.{src}" for wire in self._sinks() for src in ("GFAN0", "LOGIC_OUTS_L8"))]

    @staticmethod
    def _dsp() -> list[str]:
        names = [f"Z{name}REG[0]" for name in REGISTERS]
        names += [f"{operand}{rest}" for operand in "AB" for rest in ("REG_0", "REG_2", "_INPUT[0]")]
        names += ["USE_DPORT[0]", "USE_SIMD_FOUR12", "USE_SIMD_FOUR12_TWO24"]
        names += [
            "AUTORESET_PATDET_RESET",
            "AUTORESET_PATDET_RESET_NOT_MATCH",
            "ZIS_CLK_INVERTED",
            "ZIS_CARRYIN_INVERTED",
        ]
        names += [
            f"ZIS_{bus}_INVERTED[{i}]"
            for bus, width in (("INMODE", 5), ("OPMODE", 7), ("ALUMODE", 4))
            for i in range(width)
        ]
        ties = [f"DSP_{s}_{pin}.DSP_{level}_L" for s in (0, 1) for pin in TIED for level in ("GND", "VCC")]
        return [f"DSP48.DSP_{s}.{name}" for s in (0, 1) for name in names] + ties

    @staticmethod
    def _imux(s: int, pin: str) -> str:
        row, lane = divmod(s * len(ROUTED) + ROUTED.index(pin), LANES)
        return f"DSP_IMUX{lane}_{row}"

    @staticmethod
    def _byp(s: int, pin: str) -> str:
        row, lane = divmod(s * len(TIED) + TIED.index(pin), LANES)
        return f"DSP_BYP{lane}_{row}"

    def _tile_types(self) -> None:
        pips = [(wire, src) for wire in self._sinks() for src in ("GFAN0", "LOGIC_OUTS_L8", "VCC_WIRE")]
        hard = {"HARD0": "GND_WIRE", "HARD1": "VCC_WIRE"}
        self._tile_type("INT_L", [*pips, ("GFAN0", "GND_WIRE")], [("TIEOFF", 0, hard)])
        pips = [(f"DSP_{s}_{pin}", self._imux(s, pin)) for s in (0, 1) for pin in ROUTED]
        for s in (0, 1):
            for pin in TIED:
                pips += [(f"DSP_{s}_{pin}", src) for src in ("DSP_GND_L", "DSP_VCC_L", self._byp(s, pin))]
        sites = [("DSP48E1", s, {pin: f"DSP_{s}_{pin}" for pin in [*TIED, *ROUTED]}) for s in (0, 1)]
        self._tile_type("DSP_L", pips, sites)
        buffers = [("BUFHCE", y, {"I": f"MUX_OUT_L{y}", "O": f"HCLK_OUT_L{y}", "CE": f"CE_L{y}"}) for y in (0, 1)]
        self._tile_type("CLK_HROW_BOT_R", [(f"HCLK_OUT_L{y}", f"MUX_OUT_L{y}") for y in (0, 1)], buffers)
        self._tile_type("CLBLL_L", [("CLBLL_LOGIC_OUTS8", "CLBLL_L_A")], [("SLICEL", 0, {"A": "CLBLL_L_A"})])
        pins = {pin: f"PS7_{pin}" for pin in (*INPUTS, "FCLKCLK0", "DDRA0")}
        self._tile_type("PSS2", [(f"PS7_{pin}", f"PSS2_IMUX_B{i}") for i, pin in enumerate(INPUTS)], [("PS7", 0, pins)])
        for kind, outputs in (
            ("TIEOFF", ("HARD0", "HARD1")),
            ("SLICEL", ("A",)),
            ("PS7", ("FCLKCLK0",)),
            ("DSP48E1", ()),
        ):
            pins = {"PS7": (*INPUTS, "FCLKCLK0", "DDRA0"), "DSP48E1": (*TIED, *ROUTED), "BUFHCE": ("I", "O", "CE")}.get(
                kind, outputs
            )
            ways = {pin: {"direction": "OUT" if pin in outputs else "IN"} for pin in pins}
            self._json(f"site_type_{kind}.json", {"type": kind, "site_pins": ways})

    def _tile_type(self, kind: str, pips: list[tuple[str, str]], sites: list[tuple[str, int, dict[str, str]]]) -> None:
        listed = {
            f"{kind}.{src}->{dst}": {"dst_wire": dst, "src_wire": src, "is_directional": "1"} for dst, src in pips
        }
        entries = [
            {"type": name, "x_coord": 0, "y_coord": y, "site_pins": {pin: {"wire": wire} for pin, wire in pins.items()}}
            for name, y, pins in sites
        ]
        self._json(f"tile_type_{kind}.json", {"pips": listed, "sites": entries})

    @staticmethod
    def _grid() -> dict[str, object]:
        def tile(
            kind: str, x: int, y: int, sites: dict[str, str], offset: int = 0, words: int = 0
        ) -> dict[str, object]:
            place = {"baseaddr": f"0x{BASE | COLUMNS.get(kind, 0) << 7:08x}", "offset": offset, "words": words}
            bits = {"CLB_IO_CLK": place} if words else {}
            return {"type": kind, "grid_x": x, "grid_y": y, "sites": sites, "bits": bits}

        grid = {
            f"INT_L_X0Y{k}": tile("INT_L", 1, ROWS - k, {f"TIEOFF_X0Y{k}": "TIEOFF"}, 2 * k, 2) for k in range(ROWS)
        }
        dsp = {"DSP48_X0Y1": "DSP48E1", "DSP48_X0Y0": "DSP48E1"}
        grid["DSP_L_X1Y0"] = tile("DSP_L", 2, ROWS, dsp, 0, 10)
        grid["CLBLL_L_X2Y0"] = tile("CLBLL_L", 3, ROWS, {"SLICE_X0Y0": "SLICEL"})
        clocks = {"BUFHCE_X0Y0": "BUFHCE", "BUFHCE_X0Y1": "BUFHCE"}
        grid["CLK_HROW_BOT_R_X4Y0"] = tile("CLK_HROW_BOT_R", 4, ROWS, clocks, 0, 2)
        grid["PSS2_X0Y0"] = tile("PSS2", 0, ROWS, {"PS7_X0Y0": "PS7"})
        return grid

    @staticmethod
    def _connections() -> list[dict[str, object]]:
        def entry(dx: int, dy: int, kinds: tuple[str, str], pairs: list[tuple[str, str]]) -> dict[str, object]:
            return {"grid_deltas": [dx, dy], "tile_types": list(kinds), "wire_pairs": [list(pair) for pair in pairs]}

        found = [
            entry(
                1,
                k,
                ("INT_L", "DSP_L"),
                [(f"{n}_L{i}", f"DSP_{n}{i}_{k}") for n in ("IMUX", "BYP") for i in range(LANES)],
            )
            for k in range(ROWS)
        ]
        found.append(entry(1, 0, ("PSS2", "INT_L"), [(f"PSS2_IMUX_B{i}", f"BYP_L{i}") for i in range(len(INPUTS))]))
        enables = [(f"CE_L{y}", f"IMUX_L{3 + y}") for y in (0, 1)]
        found.append(entry(-3, -4, ("CLK_HROW_BOT_R", "INT_L"), enables))
        found += [entry(-2, -k, ("CLBLL_L", "INT_L"), [("CLBLL_LOGIC_OUTS8", "LOGIC_OUTS_L8")]) for k in range(ROWS)]
        return found

    def _json(self, name: str, content: object) -> None:
        self._text(name, json.dumps(content))

    def _text(self, name: str, content: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    # -- bitstreams

    def frames(self, features: Iterable[str]) -> dict[int, list[int]]:
        """All frames, with the bits of ``features`` (``tile.feature``) set."""
        frames = {
            half << 22 | column << 7 | frame: [0] * WORDS
            for half in (0, 1)
            for column in COLUMNS.values()
            for frame in range(3)
        }
        frames |= {1 << 23 | half << 22 | frame: [0] * WORDS for half in (0, 1) for frame in range(2)}
        for feature in features:
            tile, name = feature.split(".", 1)
            kind = tile[: tile.index("_X")]
            frame, bit = self.bits[kind][name]
            offset = 2 * int(tile.rsplit("Y", 1)[1]) if kind == "INT_L" else 0
            frames[BASE | COLUMNS[kind] << 7 | frame][offset + bit // 32] ^= 1 << bit % 32
        return frames

    def words(self, features: Iterable[str], idcode: int = IDCODE) -> bytes:
        """A bitstream as UG470 describes it: identity, address, and one long write of all frames."""
        frames = self.frames(features)
        data: list[int] = []
        for _, row in groupby(sorted(frames), key=lambda address: address >> 17):
            data += [word for address in row for word in frames[address]] + [0] * (2 * WORDS)
        packets = [0xFFFF_FFFF, 0xAA99_5566, 0x2000_0000, 0x3001_8001, idcode, 0x3000_2001, 0, 0x3000_4000]
        packets += [0x5000_0000 | len(data), *data, 0x3000_8001, 13, 0x2000_0000, 0xFFFF_FFFF]
        return struct.pack(f">{len(packets)}I", *packets)

    def constant(self, s: int, pin: str, level: int) -> list[str]:
        """What gives a control pin of a slice that has no switches of its own a constant of the fabric."""
        lane, row = self._imux(s, pin).removeprefix("DSP_IMUX").split("_")
        return [f"INT_L_X0Y{row}.IMUX_L{lane}.GFAN0", f"INT_L_X0Y{row}.GFAN0.GND_WIRE"] if level == 0 else []

    def net(self, s: int, pin: str) -> list[str]:
        """What leads the slice's output to a control pin."""
        name, wire = ("BYP", self._byp(s, pin)) if pin in TIED else ("IMUX", self._imux(s, pin))
        lane, row = wire.removeprefix(f"DSP_{name}").split("_")
        return [f"INT_L_X0Y{row}.{name}_L{lane}.LOGIC_OUTS_L8"]

    def dsp_features(self, cells: Sequence[Any]) -> list[str]:
        """What a right bitstream has of the slices, written out from UG479 and the meaning of the database's names."""
        return list(dict.fromkeys(feature for s, cell in enumerate(cells) for feature in self._slice(s, cell)))

    def _slice(self, s: int, cell: Any) -> Iterator[str]:
        here = f"DSP_L_X1Y0.DSP48.DSP_{s}"
        number = {name: int(text, 2) for name, text in cell.parameters.items() if not set(text) - {"0", "1"}}
        yield from (f"{here}.Z{name}REG[0]" for name in REGISTERS if number[f"{name}REG"] == 0)
        yield from (f"{here}.{x}REG_{number[f'{x}REG']}" for x in "AB" if number[f"{x}REG"] != 1)
        yield f"{here}.ZIS_CLK_INVERTED"
        for bus in ("INMODE", "OPMODE", "ALUMODE", "CARRYINSEL", "CARRYIN"):
            for i, bit in enumerate(cell.pins[bus]):
                pin, turned = f"{bus}{i}" if bus != "CARRYIN" else bus, number.get(f"IS_{bus}_INVERTED", 0) >> i & 1
                if bus != "CARRYINSEL" and not (isinstance(bit, int) and turned):
                    yield f"{here}.ZIS_{bus}_INVERTED{f'[{i}]' if pin != bus else ''}"
                if isinstance(bit, int):
                    yield from self.net(s, pin)
                elif pin in TIED:
                    yield f"DSP_L_X1Y0.DSP_{s}_{pin}.DSP_{('GND', 'VCC')[int(bit) ^ turned]}_L"
                else:
                    yield from self.constant(s, pin, int(bit) ^ turned)


@pytest.fixture
def fabric(tmp_path: Path) -> Fabric:
    """The made-up part, its database in the test's own folder."""
    return Fabric(tmp_path / "prjxray-db" / "zynq7")
