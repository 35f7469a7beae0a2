"""Manifests: whatever is wrong with one, or with the files that it lists, is one line that names the field."""

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.artefact import ArtefactError, Built, load_built
from gatewright.artefact.manifest import MANIFEST, load_manifest
from gatewright.spec.boards import BOARDS
from gatewright_hw.build import Request, build


def change(built: Built, edit: Callable[[dict[str, Any]], object]) -> None:
    path = built.folder / MANIFEST
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_what_is_saved_is_loaded(built: Built) -> None:
    assert load_built(built.folder) == built
    assert load_manifest(built.folder) == built.manifest


WRONG = {
    "format": (lambda m: m.update(format=1), "not a manifest of format 2, .* build it again$"),
    "lacks": (lambda m: m.pop("revision"), "it lacks revision"),
    "unknown": (lambda m: m.update(colour="red"), "it has the unknown colour"),
    "board": (lambda m: m.update(board="arty"), "unknown board 'arty', allowed: kv260"),
    "text": (lambda m: m.update(tool=7), "tool is '7', allowed: a text"),
    "clock lacks": (lambda m: m["clock"].pop("set_mhz"), "clock lacks set_mhz"),
    "clock": (lambda m: m["clock"].update(closed_mhz="fast"), "clock.closed_mhz is 'fast', allowed: a finite number"),
    "nan": (lambda m: m["clock"].update(set_mhz=float("nan")), "clock.set_mhz is 'nan', allowed: a finite number"),
    "huge": (lambda m: m["clock"].update(set_mhz=10**400), "clock.set_mhz is '1000"),
    "bool": (lambda m: m["clock"].update(divisor0=True), "clock.divisor0 is 'True', allowed: a whole number"),
    "divisor": (lambda m: m["clock"].update(divisor1=64), "divisor1 is 64, allowed 1..63"),
    "other clock": (lambda m: m["clock"].update(divisor0=5), "clock.set_mhz is 100, its divisors make 200"),
    "too fast": (lambda m: m["clock"].update(closed_mhz=99.0), "clock.set_mhz is 100, above clock.closed_mhz 99"),
    "config": (lambda m: m["config"].update(lanes=3), "config 'zybo-z7-10': lanes is 3, allowed: a power of two"),
    "other config": (lambda m: m["config"].update(outstanding=4), "config_hash is .*, its config's is "),
    "version": (lambda m: m.update(spec_version=[0, 9]), "spec_version is 0.9, allowed .*, the contract of this"),
    "versions": (lambda m: m.update(spec_version=[1]), "spec_version has 1 entries, allowed 2"),
    "faster": (
        lambda m: m["clock"].update(set_mhz=200.0, closed_mhz=200.0, asked_mhz=200.0, divisor0=5),
        r"\.bit: the clock of the manifest is not the one that it was built with",
    ),
    "closed": (lambda m: m["clock"].update(closed_mhz=101.0), "the clock of the manifest is not the one"),
    "timed": (lambda m: m["clock"].update(bound="", untimed=[]), "the clock of the manifest is not the one"),
    "sources": (lambda m: m.update(design_hash="0" * 16), "the design_hash of the manifest is not the one"),
    "tool": (lambda m: m.update(tool="vivado"), "the tool of the manifest is not the one"),
    "tools": (lambda m: m["tools"].update(amaranth="9.9"), "the tools of the manifest is not the one"),
    "vouched": (lambda m: m.update(unvouched=["by me"]), "the unvouched of the manifest is not the one"),
    "no bitstream": (lambda m: m.update(files={}), "files names 0 .bit files, allowed 1"),
    "folders": (lambda m: m["files"].update({"../x": "0"}), "files names '../x', allowed: printable ASCII without"),
    "letters": (lambda m: m["files"].update({"x\0": "0"}), r"files names 'x\\x00', allowed: printable ASCII"),
    "no hash": (
        lambda m: m["files"].update({"report.json": "\n"}),
        r"files gives report.json the sha256 '\\n', allowed: 64 hexadecimal digits",
    ),
    "long hash": (lambda m: m["files"].update({"report.json": "0" * 65}), "allowed: 64 hexadecimal digits"),
    "two names": (
        lambda m: m["files"].update({"other.hwh": m["files"].pop(next(n for n in m["files"] if n.endswith(".hwh")))}),
        "files names .*bit and other.hwh, allowed: one name for both",
    ),
    "hash": (lambda m: m["files"].update({"report.json": "0" * 64}), "report.json is not the file of .*manifest.json"),
    "missing": (lambda m: m["files"].update(more="0" * 64), "more: No such file"),
    "words": (lambda m: m.update(words_sha256="0" * 64), r"\.bit holds words of sha256 .*, .* says otherwise"),
    "name": (lambda m: m["config"].update(name="small"), "the config of the manifest is not the one"),
    "revision": (lambda m: m.update(revision="abc"), "the revision of the manifest is not the one"),
    "resources": (lambda m: m.update(utilisation={"lut": 1.0}), "the utilisation of the manifest is not the one"),
    "time": (lambda m: m.update(built="2001-01-01T00:00:00Z"), "the built of the manifest is not the one"),
    "other board": (lambda m: m.update(board="pynq-z2"), r"\.bit is for part xc7z010.*, board pynq-z2 has xc7z020"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_manifest_is_refused(case: str, built: Built) -> None:
    edit, message = WRONG[case]
    change(built, edit)
    with pytest.raises(ArtefactError, match=message) as error:
        load_built(built.folder)
    assert "\n" not in str(error.value)
    assert str(built.folder) in str(error.value)


def replace_listed(built: Built, suffix: str, content: bytes) -> None:
    """Another file, whose hash the manifest takes over."""
    built.path(suffix).write_bytes(content)
    name, digest = built.path(suffix).name, hashlib.sha256(content).hexdigest()
    change(built, lambda m: m["files"].update({name: digest}))


def test_a_handoff_of_another_build_whose_hash_is_listed(built: Built) -> None:
    replace_listed(built, ".hwh", built.path(".hwh").read_bytes() + b"<!-- -->")
    with pytest.raises(ArtefactError, match=r"\.bit: the handoff \(\.hwh\) is not the one that it was built with"):
        load_built(built.folder)


@pytest.mark.parametrize("text", ["gatewright_top", "design.frames;Generator=xc7frames2bit", "x;=;;clock"])
def test_a_bitstream_whose_header_says_nothing(text: str, built: Built) -> None:
    replace_listed(built, ".bit", replace(built.bit, design=text).to_bytes())
    with pytest.raises(ArtefactError, match=r"\.bit: the board of the manifest is not stated in its header"):
        load_built(built.folder)


def test_who_ran_it_is_said_later(built: Built) -> None:
    change(built, lambda m: m.update(physical="by A. N. Other"))
    assert load_built(built.folder).bit == built.bit


def test_a_configuration_of_another_build_whose_hashes_are_listed(built: Built) -> None:
    other = replace(built.bit, words=built.bit.words[:-4] + b"\xff" * 4)
    replace_listed(built, ".bit", other.to_bytes())
    change(built, lambda m: m.update(words_sha256=other.words_sha256))
    with pytest.raises(ArtefactError, match=r"the words_sha256 of the manifest is not the one that it was built with"):
        load_built(built.folder)


@pytest.mark.parametrize("edit", [lambda text: f"other{text}", lambda text: f"{text};x=1"], ids=["name", "more"])
def test_a_bitstream_whose_header_says_more(edit: Callable[[str], str], built: Built) -> None:
    replace_listed(built, ".bit", replace(built.bit, design=edit(built.bit.design)).to_bytes())
    with pytest.raises(ArtefactError, match=r"its header has other entries than gatewright_top and the hashes"):
        load_built(built.folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no JSON"),
        ("[]", "not a manifest"),
        ("{", "is no JSON"),
        ("\udcff", "is no JSON"),
        ("[" * 10**5, "JSON"),
    ],
)
def test_what_is_no_manifest(text: str, message: str, built: Built) -> None:
    (built.folder / MANIFEST).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ArtefactError, match=message):
        load_built(built.folder)


def test_a_folder_without_manifest(built: Built) -> None:
    (built.folder / MANIFEST).unlink()
    with pytest.raises(ArtefactError, match=r"manifest\.json: No such file"):
        load_built(built.folder)


@pytest.mark.parametrize("suffix", [".bit", ".hwh", "report.html"])
@pytest.mark.parametrize("how", ["cut off", "missing", "of another build"])
def test_files_that_do_not_belong_together(suffix: str, how: str, built: Built) -> None:
    path = built.path(suffix)
    if how == "cut off":
        path.write_bytes(path.read_bytes()[:-4])
    elif how == "missing":
        path.unlink()
    else:
        board = BOARDS["zybo-z7-10"]
        other = build("simulation", Request.of(board, board.default_config, 50), built.folder.with_name("other"))
        shutil.copy(other.path(suffix), path)
    with pytest.raises(ArtefactError, match="No such file" if how == "missing" else "is not the file of"):
        load_built(built.folder)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(data=st.data(), value=JSON)
def test_any_value_in_any_field_is_loaded_or_refused(data, value, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    if not folder.exists():
        board = BOARDS["zybo-z7-10"]
        build("simulation", Request.of(board, board.default_config), folder)
        shutil.copy(folder / MANIFEST, folder.with_suffix(".json"))
    content = json.loads(folder.with_suffix(".json").read_text())
    place = data.draw(st.sampled_from([content, content["clock"], content["config"], content["files"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = value
    (folder / MANIFEST).write_text(json.dumps(content))
    with suppress(ArtefactError):
        load_built(folder)
