"""What Verilator's FST writer needs of lz4 and zlib where only their shared libraries are installed, not their headers.

Every Debian or Ubuntu has liblz4.so.1 and libz.so.1 (apt uses them), few have the development packages. The writer
calls four functions of a stable interface; these are declared here, and a linker script stands for the missing ``.so``.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

__all__ = ["fst_build_args"]

HEADERS = {
    "lz4": """\
#pragma once
extern "C" int LZ4_compressBound(int size);
extern "C" int LZ4_compress_default(const char *source, char *destination, int size, int capacity);
""",
    "z": """\
#pragma once
typedef unsigned char Bytef;
typedef unsigned long uLong;
typedef unsigned long uLongf;
enum { Z_OK = 0 };
extern "C" uLong compressBound(uLong size);
extern "C" int compress2(Bytef *destination, uLongf *capacity, const Bytef *source, uLong size, int level);
""",
}
HEADER_NAMES = {"lz4": "lz4.h", "z": "zlib.h"}


def _finds(compiler: list[str], header: str) -> bool:
    source = f"#include <{header}>\n"
    command = [*compiler, "-x", "c++", "-fsyntax-only", "-"]
    return subprocess.run(command, input=source, text=True, capture_output=True, timeout=60).returncode == 0


def fst_build_args(compiler: list[str], directory: Path) -> list[str]:
    """Verilator arguments for a build that writes FST; what ``compiler`` does not find is put into ``directory``."""
    missing = [library for library, header in HEADER_NAMES.items() if not _finds(compiler, header)]
    for library in missing:
        (directory / HEADER_NAMES[library]).write_text(HEADERS[library])
        (directory / f"lib{library}.so").write_text(f"INPUT(-l:lib{library}.so.1)\n")
    arguments = ["--trace-fst", "--trace-structs"]
    if missing:
        arguments += ["-CFLAGS", f"-I{shlex.quote(str(directory))}", "-LDFLAGS", f"-L{shlex.quote(str(directory))}"]
    return arguments
