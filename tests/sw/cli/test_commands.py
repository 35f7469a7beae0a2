"""The commands on the RTL of `tiny`: what they print, write and answer."""

import json
import sys
from pathlib import Path

import pytest

from gatewright.spec.config import get_config

SIMULATIONS = {
    "gemm": ["gemm", "--m", 9, "--n", 20, "--k", 50],
    "attention": ["attention", "--seq", 13, "--heads", 2, "--head-dim", 16, "--causal", "--padding", 3],
    "aggregate": ["aggregate", "--rows", 40, "--cols", 30, "--degree", 4, "--features", 37],
    "vector": ["vector", "layer-norm", "--rows", 9, "--cols", 50],
    "mean-pool": ["vector", "mean-pool", "--rows", 13, "--cols", 48, "--padding", 3],
}

ERROR_UNITS = {"mean-pool": 2**15 * 2**-10.9 + 0.5}
"""Of an int16 at full scale the reciprocal of the number of keys leaves 2**-10.9 undecided."""


@pytest.mark.parametrize("kernel", SIMULATIONS)
def test_simulate(kernel: str, gatewright, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    done = gatewright("simulate", *SIMULATIONS[kernel], "--config", "tiny", "--seed", 3, "--json", file)
    assert done.code == 0, done.err
    result = json.loads(file.read_text())
    assert result["kernel"] == kernel
    assert result["config"] == "tiny"
    assert result["seed"] == 3
    assert result["golden_equal"] is True
    assert result["cycles"] >= max(result["min_cycles_compute"], result["min_cycles_memory"]) > 0
    assert 0 < result["torch_max_abs_error"] < ERROR_UNITS.get(kernel, 4) * result["output_scale"]


def test_simulate_offers_every_vector_function() -> None:
    from gatewright.cli.simulate import Function
    from gatewright_sim.stimulus import VectorFunction

    assert {function.value for function in Function} == {*(each.value for each in VectorFunction), "mean-pool"}


def test_simulate_exits_1_on_a_mismatch(gatewright, monkeypatch: pytest.MonkeyPatch) -> None:
    from gatewright_sim.stimulus import GemmStimulus

    run = GemmStimulus.run
    monkeypatch.setattr(GemmStimulus, "run", lambda self, on: run(self, on) ^ (on.backend.name == "rtl"))
    done = gatewright("simulate", "gemm", "--config", "tiny", "--m", 2, "--n", 2, "--k", 2)
    assert done.code == 1
    assert "NO" in done.out


def test_simulate_records_waves(gatewright, tmp_path: Path) -> None:
    waves = tmp_path / "gemm.fst"
    done = gatewright("simulate", "gemm", "--config", "tiny", "--m", 2, "--n", 2, "--k", 2, "--waves", waves)
    assert done.code == 0, done.err
    assert waves.stat().st_size > 1000


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("torch", ["recommend", "--user", 15]), ("amaranth", ["generate", "--out", "x"]), ("cocotb", ["verify"])],
)
def test_a_missing_extra_is_one_line(module: str, arguments: list, gatewright, monkeypatch) -> None:
    gone = (module, "gatewright_hw", "gatewright_sim", "transformers")
    with monkeypatch.context() as without:  # ends before plug-ins of the tests, which may use torch, are called again
        for name in list(sys.modules):
            if name.split(".")[0] in gone or name.startswith("gatewright.models"):
                without.delitem(sys.modules, name)
        without.setitem(sys.modules, module, None)
        done = gatewright(*arguments)
    assert done.code == 2
    assert "pip install" in done.err


def test_verify_one_bench(gatewright, tmp_path: Path) -> None:
    junit, waves = tmp_path / "junit.xml", tmp_path / "bench.fst"
    done = gatewright("verify", "sequencer", "--junit", junit, "--waves", waves)
    assert done.code == 0, done.err
    assert "sequencer: " in done.out
    assert "<testcase" in junit.read_text()
    assert waves.stat().st_size > 1000


def test_build(gatewright, tmp_path: Path) -> None:
    done = gatewright("build", "--board", "pynq-z2", "--tool", "simulation", "--freq", 130, "--out", tmp_path / "out")
    assert done.code == 0
    assert "125 MHz, the fastest that pynq-z2 can make below 130 MHz" in done.err
    assert "no hardware" in done.err
    (bit,) = (tmp_path / "out").glob("gatewright-pynq-z2-*.bit")
    assert bit.name in done.out.replace("\n", "")
    assert gatewright("build", "--board", "pynq-z2", "--tool", "simulation", "--out", tmp_path / "out").code == 0
    assert not bit.exists(), "another clock, another name"


def test_generate(gatewright, tmp_path: Path) -> None:
    done = gatewright("generate", "--config", "tiny", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["config_hash"] == get_config("tiny").hash_text
    for name in manifest["files"]:
        assert (tmp_path / "out" / name).stat().st_size > 0


def test_generate_for_a_board(gatewright, tmp_path: Path) -> None:
    done = gatewright("generate", "--board", "zybo-z7-10", "--out", tmp_path)
    assert done.code == 0, done.err
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["config"]["name"] == "zybo-z7-10"
    assert "gatewright_zybo_z7_10.v" in manifest["files"]
    assert "PS7 ps7 (" in (tmp_path / "gatewright_zybo_z7_10.v").read_text()


def test_info(gatewright) -> None:
    done = gatewright("info")
    assert done.code == 0, done.err
    for word in ("tiny", "pynq-z2", "2, 2, 2", get_config("tiny").hash_text, "golden", "board"):
        assert word in done.out


def test_bench_memory(gatewright) -> None:
    done = gatewright("bench", "memory", "--json", "-")
    assert done.code == 0, done.err
    measurements = json.loads(done.out)["measurements"]
    assert len(measurements) >= 7
    assert all(each["model"] == pytest.approx(each["silicon"], rel=0.1) for each in measurements)


def test_bench_simulator(gatewright) -> None:
    done = gatewright("bench", "simulator", "--config", "tiny", "--json", "-")
    assert done.code == 0, done.err
    kernels = json.loads(done.out)["kernels"]
    assert all(entry["cycles_per_second"] > 0 for entry in kernels.values())
    assert set(kernels) == {"gemm", "attention", "aggregate"}


def test_bench_accelerator(gatewright, tmp_path: Path) -> None:
    json_file, page, summary = (tmp_path / name for name in ("bench.json", "bench.html", "bench.md"))
    done = gatewright(
        "bench", "accelerator", "--config", "tiny", "--only", "gemm", "--mhz", 100, "--mhz", 125, "--dram", 0.5,
        "--json", json_file, "--html", page, "--markdown", summary,
    )  # fmt: skip
    assert done.code == 0, done.err
    result = json.loads(json_file.read_text())
    assert result["config"] == "tiny"
    assert [(each["clock_mhz"], each["dram_share"]) for each in result["measurements"]] == [(100, 0.5), (125, 0.5)]
    assert all(0 < each["bound"] <= each["cycles"] for each in result["measurements"])
    for cycles in (each["cycles"] for each in result["measurements"]):
        assert f"{cycles:,}" in done.out
        assert f"{cycles:,}, " in summary.read_text()
        assert f"<td>{cycles:,}</td>" in page.read_text()


@pytest.mark.parametrize("backend", ["golden", "rtl"])
def test_recommend(backend: str, small_movielens: Path, gatewright, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    done = gatewright(
        "recommend", "--user", 15, "--query", "space adventure", "--data", small_movielens,
        "--config", "tiny", "--backend", backend, "--top", 10, "--json", file,
    )  # fmt: skip
    assert done.code == 0, done.err
    result = json.loads(file.read_text())
    assert result["backend"] == backend
    assert result["config_hash"] == get_config("tiny").hash_text
    assert result["golden_equal"] is (True if backend == "rtl" else None)
    assert len(result["items"]) == 10
    titles = (small_movielens / "movies.csv").read_text()
    for item in result["items"]:
        assert set(item) == {"movie_id", "title", "score"}
        assert item["title"] in titles.replace('""', '"')
        assert item["title"][:18] in done.out
    scores = [item["score"] for item in result["items"]]
    assert scores == sorted(scores, reverse=True)
    engines = {engine["name"]: engine for engine in result["engines"]}
    assert set(engines) == {"gemm", "attention", "aggregate", "vector"}
    assert result["doorbells"] == 1
    for engine in engines.values():
        assert engine["commands"] > 0
        least = max(engine["min_cycles_compute"], engine["min_cycles_memory"])
        assert engine["min_cycles"] >= least
        assert engine["cycles"] >= engine["min_cycles"] if backend == "rtl" else engine["cycles"] is None
    bound, said = result["roofline_cycles"], " ".join(done.out.split())
    assert bound == sum(engine["min_cycles"] for engine in engines.values())
    if backend == "rtl":
        assert result["cycles"] > sum(engine["cycles"] for engine in engines.values()) >= bound
        # An estimate, not only a bound: the small buffers of this configuration have operands read several times.
        assert bound > 0.7 * result["cycles"]
        assert f"1 doorbell: {result['cycles']:,} cycles, " in said
        assert "RTL = golden: yes (all" in done.out
    else:
        assert result["cycles"] is None
        assert f"1 doorbell: at least {bound:,} cycles, " in said
        assert "(roofline, not measured: this backend has no clock)" in said
        assert "scores are its own, compared with the float model alone" in said
        assert "= golden" not in done.out
        assert " 0 cycles" not in done.out
    assert set(result["reference"]) == {"top10_overlap", "max_abs_error", "cosine"}
    assert result["reference"]["cosine"] > 0.99


def test_an_answer_that_differs_from_golden_exits_1(small_movielens: Path, gatewright, monkeypatch) -> None:
    from gatewright.recommender import HybridRecommender

    scores = HybridRecommender.scores
    errors = iter((0.0, 1e-3))

    def wrong(self, user, text):
        found, report = scores(self, user, text)
        return found + next(errors), report

    monkeypatch.setattr(HybridRecommender, "scores", wrong)
    done = gatewright(
        "recommend", "--user", 15, "--data", small_movielens, "--config", "tiny", "--backend", "rtl"
    )  # fmt: skip
    assert done.code == 1
    assert "= golden: NO" in done.out
