"""The folder that a build leaves: bitstream, handoff, reports, and the manifest that holds them together."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from dataclasses import asdict, replace
from pathlib import Path

from gatewright.artefact import ArtefactError, BitFile, Built, Clock, Manifest, load_built
from gatewright.artefact.header import header
from gatewright.artefact.manifest import MANIFEST, NOT_YET_RUN, load_manifest, stem
from gatewright.files import folder_written_whole, reason, written_whole
from gatewright.spec.config import SPEC_VERSION
from gatewright.spec.hwh import handoff
from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.flow import Request, Result
from gatewright_hw.build.origin import revision, time_of_build
from gatewright_hw.build.report import html, report
from gatewright_hw.generate import design_hash

__all__ = ["check_out", "write_built"]


def check_out(out: Path) -> None:
    """Raise :class:`BuildError` unless ``out`` may become a built design's folder: new, empty, or a former build."""
    try:
        names = set(os.listdir(out)) if os.path.lexists(out) else set()
        above = next(folder for folder in out.absolute().parents if folder.exists())
        if not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise BuildError(f"--out {out}: {reason(error)}") from None
    try:
        foreign = names - {MANIFEST, *load_manifest(out).files} if names else set()
    except ArtefactError:
        foreign = names
    if foreign:
        raise BuildError(
            f"--out {out} holds {min(foreign)}, allowed: a new or empty folder, or a former build, which is replaced"
        )


def write_built(tool: str, request: Request, result: Result, out: Path) -> Built:
    """Write the folder ``out``, all of it or nothing, and read it back. Raises :class:`ArtefactError`."""
    check_out(out)
    when = time_of_build()
    clock = Clock(
        asked_mhz=request.clock.mhz,
        closed_mhz=result.closed_mhz,
        bound=result.bound,
        untimed=result.untimed,
        set_mhz=request.clock.mhz,
        divisor0=request.clock.divisor0,
        divisor1=request.clock.divisor1,
    )
    stated = Manifest(
        board=request.board.name,
        config=request.config,
        config_hash=request.config.hash_text,
        design_hash=design_hash(request.config),
        spec_version=SPEC_VERSION,
        clock=clock,
        tool=tool,
        tools=result.tools,
        unvouched=(*request.unvouched, *result.unvouched),
        utilisation=result.utilisation,
        revision=revision(),
        built=f"{when:%Y-%m-%dT%H:%M:%SZ}",
        physical=NOT_YET_RUN,
        files={},
        words_sha256=hashlib.sha256(result.words).hexdigest(),
    )
    text = handoff(request.board, request.config, request.clock).encode()
    bit = BitFile.built(header(asdict(stated), text), request.board.part, result.words, when)
    name = stem(request.board.name, request.config.hash_text, bit.sha256)
    described = report(tool, request, result, clock)
    contents = {
        f"{name}.bit": bit.to_bytes(),
        f"{name}.hwh": text,
        "report.json": (json.dumps(described, indent=2) + "\n").encode(),
        "report.html": html(described).encode(),
    }
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest = replace(stated, files=files)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with folder_written_whole(out) as folder:
            for name, content in contents.items():
                with written_whole(folder / name) as file:
                    file.write(content)
            manifest.save(folder)
            load_built(folder)
    except OSError as error:
        raise BuildError(f"--out {out}: {reason(error)}") from None
    return load_built(out)
