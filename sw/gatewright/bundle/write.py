"""Writes a bundle: the folder appears whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from gatewright.artefact import Built
from gatewright.artefact.manifest import MANIFEST
from gatewright.bundle.contents import ABOUT, BITSTREAM, MODEL, PROGRAMS, WHEELS, About, BundleError
from gatewright.bundle.texts import README, RUN
from gatewright.bundle.wheel import write_wheel
from gatewright.files import folder_written_whole, reason
from gatewright.program import CompiledProgram, save_program
from gatewright.spec.boards import get_board
from gatewright.sums import write_sums
from gatewright.version import __version__

__all__ = ["check_out", "write_bundle"]

_NOTEBOOK = Path(__file__).with_name("board.ipynb")


def check_out(out: Path) -> None:
    """Refuse, before any work is done, to replace what is no bundle. Raises :class:`BundleError`."""
    if out.exists() and not (out / ABOUT).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise BundleError(f"{out} exists and is no bundle, allowed: a new folder, an empty one, or a bundle to replace")


def write_bundle(
    out: Path,
    programs: tuple[CompiledProgram, CompiledProgram],
    save_model: Callable[[Path], object],
    built: Built,
    wheels: Sequence[Path] = (),
) -> None:
    """Write a bundle to ``out``.

    Parameters
    ----------
    programs : for requests without a query and with one, of the configuration that the design has.
    save_model : writes names, ratings and vocabulary to a path.
    built : the design for the board.
    wheels : of other packages that the board shall get, such as tokenizers'.

    Raises :class:`BundleError`, and what ``save_model`` raises.
    """
    check_out(out)
    manifest = built.manifest
    for program in programs:
        if f"{program.config_hash:016x}" != manifest.config_hash:
            raise BundleError(
                f"the program is compiled for config {program.config!r} (hash {program.config_hash:016x}), the "
                f"bitstream in {built.folder} is of {manifest.config.name!r} (hash {manifest.config_hash})"
            )
    about = About(manifest.board, manifest.config.name, manifest.config_hash, __version__)
    try:
        with folder_written_whole(out) as folder:
            for program, name in zip(programs, PROGRAMS, strict=True):
                save_program(program, folder / name)
            save_model(folder / MODEL)
            (folder / ABOUT).write_text(about.to_json(), encoding="utf-8")
            (folder / BITSTREAM).mkdir()
            for name in (MANIFEST, *manifest.files):
                shutil.copy(built.folder / name, folder / BITSTREAM)
            (folder / WHEELS).mkdir()
            write_wheel(folder / WHEELS)
            for wheel in wheels:
                shutil.copy(wheel, folder / WHEELS)
            _write_texts(folder, built)
            write_sums(folder)
            shutil.copy(_NOTEBOOK, folder)  # without a sum: Jupyter saves what it shows in it
    except OSError as error:
        raise BundleError(f"bundle {out} cannot be written: {reason(error)} ({error.filename})") from error


def _write_texts(folder: Path, built: Built) -> None:
    manifest = built.manifest
    (folder / "run.sh").write_text(RUN, encoding="utf-8")
    (folder / "run.sh").chmod(0o755)
    values = {
        "title": get_board(manifest.board).title,
        "config": manifest.config.name,
        "config_hash": manifest.config_hash,
        "bit": built.path(".bit").name,
        "clock": f"{manifest.clock.set_mhz:g}",
        "physical": manifest.physical,
        "version": __version__,
    }
    (folder / "README.md").write_text(README.format(**values), encoding="utf-8")
