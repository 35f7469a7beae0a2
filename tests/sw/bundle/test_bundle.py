"""A bundle is whole or not there, and a damaged one is not used."""

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from gatewright.artefact import ArtefactError, load_built
from gatewright.bundle import BundleError, load_bundle
from gatewright.bundle.contents import ABOUT, BITSTREAM, MODEL, PROGRAMS, WHEELS
from gatewright.bundle.write import write_bundle
from gatewright.program import load_program
from gatewright.recommender import HybridModel
from gatewright.sums import SUMS, write_sums


@pytest.fixture
def copied(small_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_bundle, tmp_path / "copy"))


def test_what_is_in_it(small_bundle: Path, small_deployed, design) -> None:
    found = load_bundle(small_bundle)
    assert (found.about.board, found.about.config) == ("pynq-z2", "pynq-z2")
    assert found.built.manifest == design.manifest
    for path, program in zip(found.programs, small_deployed.programs, strict=True):
        assert load_program(path).image.tobytes() == program.image.tobytes()
    assert HybridModel.load(found.model).key == small_deployed.model.key
    assert len(list((small_bundle / WHEELS).glob("gatewright-*-py3-none-any.whl"))) == 1
    subprocess.run(["sha256sum", "--check", "--quiet", SUMS], cwd=small_bundle, check=True, timeout=60)
    script = (small_bundle / "run.sh").read_text()
    assert script.count("\n") <= 14
    subprocess.run(["bash", "-n", small_bundle / "run.sh"], check=True, timeout=60)
    assert (small_bundle / "run.sh").stat().st_mode & 0o111
    readme = (small_bundle / "README.md").read_text()
    assert found.built.path(".bit").name in readme
    assert "not yet run on a physical board" in readme
    assert "{" not in readme


def test_the_script_takes_the_environment_of_the_image(copied: Path, tmp_path: Path) -> None:
    """Whose profile is a line for bash, as sdbuild of PYNQ writes it."""
    profiles, programs = tmp_path / "profile.d", tmp_path / "venv" / "bin"
    profiles.mkdir()
    programs.mkdir(parents=True)
    (profiles / "pynq_venv.sh").write_text(f"source {programs}/activate\n")
    (programs / "activate").write_text(f"PATH={programs}:$PATH\n")
    (programs / "python3").write_text('#!/bin/sh\necho "the image\'s python3 $*"\n')
    (programs / "python3").chmod(0o755)
    (copied / "python").mkdir()
    environment = {**os.environ, "GATEWRIGHT_PROFILES": str(profiles)}
    done = subprocess.run(
        [copied / "run.sh", "--user", "15"], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == f"the image's python3 -m gatewright.recommender {copied} --user 15\n"


def test_a_bitstream_s_folder_gives_what_its_manifest_names(small_deployed, design, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(design.folder, tmp_path / "design"))
    (folder / "stray.dtbo").write_bytes(b"what PYNQ would take")
    out = folder / "bundle"
    write_bundle(out, small_deployed.programs, small_deployed.model.save, load_built(folder))
    assert {path.name for path in (out / BITSTREAM).iterdir()} == {"manifest.json", *design.manifest.files}


def test_more_files_do_no_harm(copied: Path) -> None:
    (copied / WHEELS / "tokenizers.whl").write_bytes(b"one more")
    (copied / "python").mkdir()
    load_bundle(copied)


@pytest.mark.parametrize("name", [*PROGRAMS, MODEL, "run.sh", "README.md", f"{BITSTREAM}/manifest.json", SUMS])
@pytest.mark.parametrize("harm", ["removed", "cut off", "changed", "empty"])
def test_a_damaged_file(copied: Path, name: str, harm: str) -> None:
    path = copied / name
    content = path.read_bytes()
    if harm == "removed":
        path.unlink()
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        path.write_bytes({"cut off": content[:middle], "changed": flipped, "empty": b""}[harm])
    with pytest.raises(BundleError, match="is damaged: ") as error:
        load_bundle(copied)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_no_bundle(tmp_path: Path, folder: str) -> None:
    with pytest.raises(BundleError, match="is no bundle"):
        load_bundle(tmp_path / folder)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"format": 1}', '{"format": 2}', '{"format": 2, "board": 1, "more": 2}']
)
def test_another_format(copied: Path, content: str) -> None:
    (copied / ABOUT).write_text(content)
    write_sums(copied)
    with pytest.raises(BundleError, match=ABOUT):
        load_bundle(copied)


def test_a_bitstream_of_another_configuration(copied: Path) -> None:
    about = json.loads((copied / ABOUT).read_text())
    (copied / ABOUT).write_text(json.dumps(about | {"config_hash": "0" * 16}))
    write_sums(copied)
    with pytest.raises(BundleError, match="its bitstream is of config hash"):
        load_bundle(copied)


def test_a_manifest_that_does_not_fit(copied: Path) -> None:
    (bit,) = (copied / BITSTREAM).glob("*.bit")
    bit.write_bytes(bit.read_bytes()[:-4])
    write_sums(copied)
    with pytest.raises(ArtefactError, match=bit.name):
        load_bundle(copied)


class TestWriting:
    def test_a_bundle_is_replaced(self, copied: Path, small_deployed, design) -> None:
        (copied / "old").touch()
        write_bundle(copied, small_deployed.programs, small_deployed.model.save, design)
        load_bundle(copied)
        assert not (copied / "old").exists()

    def test_nothing_else_is(self, tmp_path: Path, small_deployed, design) -> None:
        (tmp_path / "precious").touch()
        with pytest.raises(BundleError, match="exists and is no bundle"):
            write_bundle(tmp_path, small_deployed.programs, small_deployed.model.save, design)
        assert [path.name for path in tmp_path.iterdir()] == ["precious"]

    def test_what_fails_leaves_what_was_there(self, copied: Path, small_deployed, design) -> None:
        def fail(path: Path) -> None:
            raise OSError(28, "No space left on device", str(path))

        before = _digest(copied)
        with pytest.raises(BundleError, match="cannot be written: No space left on device"):
            write_bundle(copied, small_deployed.programs, fail, design)
        assert _digest(copied) == before
        assert [path.name for path in copied.parent.iterdir()] == [copied.name]

    def test_a_program_of_another_configuration(self, tmp_path: Path, small_deployed, design) -> None:
        history, query = small_deployed.programs
        other = history, replace(query, config="tiny", config_hash=1)
        with pytest.raises(BundleError, match=r"compiled for config 'tiny' .* bitstream in"):
            write_bundle(tmp_path / "out", other, small_deployed.model.save, design)
        assert list(tmp_path.iterdir()) == []

    def test_more_wheels(self, tmp_path: Path, small_deployed, design) -> None:
        (tmp_path / "tokenizers-1-cp310-abi3-linux_armv7l.whl").write_bytes(b"x")
        wheels = list(tmp_path.iterdir())
        write_bundle(tmp_path / "out", small_deployed.programs, small_deployed.model.save, design, wheels)
        assert len(list((tmp_path / "out" / WHEELS).iterdir())) == 2
        load_bundle(tmp_path / "out")


def _digest(folder: Path) -> str:
    state = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        state.update(path.relative_to(folder).as_posix().encode())
        if path.is_file():
            state.update(path.read_bytes())
    return state.hexdigest()
