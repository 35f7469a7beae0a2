"""The part of XRT's ``xclbinutil`` that PYNQ runs at a download: metadata and a list of memories become an ``.xclbin``.

The layout is that of ``xclbin.h`` in XRT: ``struct axlf``, section headers, ``struct mem_topology``.
"""

from __future__ import annotations

import json
import struct
import sys
import uuid

_HEADER = struct.Struct("<8s32s256sQ QQQHBBI16s64s16s16sI4x")
_SECTION = struct.Struct("<I16s4xQQ")
_MEMORY = struct.Struct("<BB6xqq16s")
_KINDS = {"EMBEDDED_METADATA": 2, "MEM_TOPOLOGY": 6}
_TYPES = {"MEM_DDR3": 0, "MEM_DDR4": 1, "MEM_DRAM": 2}


def topology(text: str) -> bytes:
    """``struct mem_topology`` of its JSON."""
    memories = json.loads(text)["mem_topology"]["m_mem_data"]
    packed = struct.pack("<i4x", len(memories))
    for memory in memories:
        packed += _MEMORY.pack(
            _TYPES[memory["m_type"]],
            int(memory["m_used"]),
            int(memory["m_sizeKB"]),
            int(memory["m_base_address"]),
            memory["m_tag"].encode(),
        )
    return packed


def xclbin(sections: dict[str, bytes]) -> bytes:
    """The file."""
    at = _HEADER.size + _SECTION.size * len(sections)
    headers, bodies = b"", b""
    for name, body in sections.items():
        headers += _SECTION.pack(_KINDS[name], name[:15].encode(), at + len(bodies), len(body))
        bodies += body + b"\0" * (-len(body) % 8)
    length = at + len(bodies)
    identity = uuid.uuid4().bytes
    fields = (length, 0, 0, 0, 2, 13, 0, b"", b"", identity, b"", len(sections))
    return _HEADER.pack(b"xclbin2", b"\xff" * 32, b"", 0, *fields) + headers + bodies


def main(arguments: list[str]) -> int:
    sections = {}
    target = None
    for option, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if option.startswith("--add-section="):
            name, kind, path = option.split("=", 1)[1].split(":", 2)
            if name not in _KINDS or kind not in ("RAW", "JSON"):
                print(f"ERROR: section {name} as {kind} is not one that this stand-in makes", file=sys.stderr)
                return 1
            with open(path, "rb") as file:
                content = file.read()
            sections[name] = topology(content.decode()) if kind == "JSON" else content
        elif option == "--output":
            target = following
    if target is None:
        print("ERROR: no --output", file=sys.stderr)
        return 1
    with open(target, "wb") as file:
        file.write(xclbin(sections))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
