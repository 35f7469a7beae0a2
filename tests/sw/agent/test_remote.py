"""A client and an agent as two processes: what a program gives is what it gives here."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from gatewright.agent.connect import open_session
from gatewright.agent.errors import AgentError
from gatewright.agent.flash import flash_agent
from gatewright.agent.remote import RemoteAccelerator
from gatewright.agent.transport import MAX_MESSAGE_BYTES
from gatewright.driver import (
    AcceleratorClosed,
    AcceleratorError,
    ConfigMismatch,
    DriverError,
    OutOfDeviceMemory,
)
from gatewright.program import InputError, save_program
from gatewright.spec.boards import get_board
from gatewright.spec.config import get_config
from gatewright_hw.build import Request, build


@pytest.fixture(scope="module")
def remote(agent):
    with RemoteAccelerator("tiny", agent.host, timeout_s=60) as opened:
        yield opened


def _inputs(rng: np.random.Generator, program: str) -> dict[str, np.ndarray]:
    if program == "linear":
        return {"x": rng.normal(0, 20, (4, 24))}
    if program == "attention":
        return {"x": rng.normal(0, 20, (1, 11, 16)), "m": rng.integers(0, 2, (1, 11))}
    if program == "vector":
        return {"a": rng.integers(-128, 128, (2, 8)).astype(float), "b": rng.integers(-128, 128, (2, 8)).astype(float)}
    row_ptr = np.sort(rng.integers(0, 20, 6))
    row_ptr[[0, -1]] = 0, 20
    return {"x": rng.normal(0, 20, (7, 8)), "row_ptr": row_ptr, "col": rng.integers(0, 7, 20), "w": np.ones(20)}


@pytest.mark.parametrize("name", ["linear", "attention", "vector", "aggregate"])
def test_outputs_and_report_are_those_of_an_accelerator_here(remote, golden, programs, rng, name) -> None:
    program = getattr(programs, name)()
    remote.reset_report()
    golden.reset_report()
    with remote.load(program) as there, golden.load(program) as here:
        for _ in range(3):
            inputs = _inputs(rng, name)
            found, report = there.call_with_report(**inputs)
            wanted, own = here.call_with_report(**inputs)
            assert found.keys() == wanted.keys()
            for key in wanted:
                assert found[key].dtype == wanted[key].dtype
                np.testing.assert_array_equal(found[key], wanted[key])
            assert report.variant is own.variant or report.variant == own.variant
            assert (report.saturated, report.empty) == (own.saturated, own.empty)
            assert report is there.report
    assert remote.report() == golden.report()


def test_host_steps_run_at_the_agent(remote, golden, programs, x) -> None:
    with remote.load(programs.with_host_step()) as there, golden.load(programs.with_host_step()) as here:
        found, report = there.call_with_report(x=x)
        np.testing.assert_array_equal(found["y"], here(x=x)["y"])
    assert len(report.host_seconds) == 1


def test_where_the_time_goes(remote, programs, x) -> None:
    with remote.load(programs.linear()) as linear:
        seconds = linear.call_with_report(x=x)[1].seconds
    assert 0 < seconds.accelerator < seconds.total
    assert 0 < seconds.transfer < seconds.total


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "input 'x' is missing"),
        ({"x": np.zeros((3, 24))}, "has shape"),
        ({"x": np.full((4, 24), np.nan)}, "finite numbers"),
        ({"x": [[1], [1, 2]]}, "no array"),
        ({"x": np.zeros((4, 24)), "y": 0}, "input 'y' is unknown"),
    ],
)
def test_inputs_that_a_program_does_not_take(remote, golden, programs, given, sentence) -> None:
    with remote.load(programs.linear()) as there, golden.load(programs.linear()) as here:
        with pytest.raises(InputError, match=sentence) as found:
            there(**given)
        with pytest.raises(InputError) as wanted:
            here(**given)
    assert str(found.value) == str(wanted.value)


def test_dimensions_that_only_the_loader_knows(remote, programs, rng) -> None:
    inputs = {"x": rng.normal(0, 20, (1, 17, 16)), "m": np.ones((1, 17), int)}
    with remote.load(programs.attention()) as there, pytest.raises(InputError, match="no bucket holds tokens = 17"):
        there(**inputs)


def test_an_error_of_the_accelerator(remote, golden, programs, rng) -> None:
    inputs = _inputs(rng, "aggregate") | {"row_ptr": np.array([0, 9, 3, 12, 13, 20])}
    with remote.load(programs.aggregate()) as there, golden.load(programs.aggregate()) as here:
        with pytest.raises(AcceleratorError) as found:
            there(**inputs)
        with pytest.raises(AcceleratorError) as wanted:
            here(**inputs)
        assert str(found.value) == str(wanted.value)
        assert found.value.code is wanted.value.code
        assert found.value.command == wanted.value.command
        there(**_inputs(rng, "aggregate"))


def test_a_program_of_another_config(remote, programs) -> None:
    other = replace(programs.linear(), config="pynq-z2", config_hash=get_config("pynq-z2").hash)
    with pytest.raises(ConfigMismatch, match="compiled for config 'pynq-z2'"):
        remote.load(other)


def test_a_program_that_does_not_fit(remote, programs) -> None:
    large = programs.aggregate(edges=1 << 27)
    with pytest.raises(OutOfDeviceMemory, match="program 'test' takes"):
        remote.load(large)


def test_a_file_and_the_same_program_again(remote, programs, x, tmp_path) -> None:
    save_program(programs.linear(), tmp_path / "linear.gwp")
    with remote.load(tmp_path / "linear.gwp") as one, remote.load(programs.linear()) as two:
        np.testing.assert_array_equal(one(x=x)["y"], two(x=x)["y"])
        assert [each["name"] for each in remote.status()["programs"]] == ["test"]
    assert remote.status()["programs"] == []


def test_after_closing(agent, programs, x) -> None:
    with RemoteAccelerator("tiny", agent.host) as opened:
        linear = opened.load(programs.linear())
        with pytest.raises(DriverError, match="has not been called"):
            _ = linear.report
        linear.close()
        linear.close()
        with pytest.raises(DriverError, match="has been closed"):
            linear(x=x)
        other = opened.load(programs.linear())
    with pytest.raises(AcceleratorClosed):
        other(x=x)
    with pytest.raises(AcceleratorClosed):
        opened.status()


def test_await_and_threads(remote, golden, programs, rng) -> None:
    inputs = [_inputs(rng, "linear") for _ in range(20)]
    with remote.load(programs.linear()) as there, golden.load(programs.linear()) as here:

        async def all_of_them():
            return await asyncio.gather(*(there.call_async(**each) for each in inputs))

        found = asyncio.run(all_of_them())
        for each, outputs in zip(inputs, found, strict=True):
            np.testing.assert_array_equal(outputs["y"], here(**each)["y"])


def test_clients_take_turns(agent, golden, programs, rng) -> None:
    """Four clients at once, two programs each, in turns."""
    wanted = {}
    for name in ("linear", "attention"):
        with golden.load(getattr(programs, name)()) as here:
            for seed in range(5):
                inputs = _inputs(np.random.default_rng(seed), name)
                wanted[name, seed] = here(**inputs)["y"]

    def client(number: int) -> list[str]:
        wrong = []
        with RemoteAccelerator("tiny", agent.host, timeout_s=60) as mine:
            loaded = {name: mine.load(getattr(programs, name)()) for name in ("linear", "attention")}
            for turn in range(10):
                name, seed = ("linear", "attention")[(turn + number) % 2], (turn * 3 + number) % 5
                found = loaded[name](**_inputs(np.random.default_rng(seed), name))["y"]
                if not np.array_equal(found, wanted[name, seed]):
                    wrong.append(f"client {number}, turn {turn}")
        return wrong

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(client, range(4))) == [[]] * 4


def test_a_simulation_takes_no_bitstream(agent, tmp_path) -> None:
    board = get_board("zybo-z7-10")
    built = build("simulation", Request.of(board, board.default_config), tmp_path / "built")
    with pytest.raises(AgentError, match="backend is 'golden', which takes no bitstream: allowed 'board'"):
        flash_agent(agent.host, built)


@pytest.mark.parametrize("files", [{}, {"a.bit": "0"}])
def test_files_without_a_manifest(remote, files: dict[str, str]) -> None:
    tickets = {name: remote.connection.upload([b"content"], 10) for name in files}
    with pytest.raises(AgentError, match=f"files {', '.join(files) or 'none'}, allowed: manifest.json and those that"):
        remote.connection.call("flash", {"files": tickets}, 10)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a\0b", "a b", "a" * 256])
def test_names_of_files_that_are_flashed(remote, name: str) -> None:
    ticket = remote.connection.upload([b"content"], 10)
    with pytest.raises(AgentError, match="allowed: a name without folders"):
        remote.connection.call("flash", {"files": {name: ticket}}, 10)


def test_a_message_that_is_too_large(remote) -> None:
    with pytest.raises(AgentError, match=f"allowed over a network: {MAX_MESSAGE_BYTES:,}"):
        remote.connection.call("run", {}, 10, {"x": np.zeros(MAX_MESSAGE_BYTES, np.int8)})


class TestOpenSession:
    def test_of_an_agent(self, agent) -> None:
        with open_session(None, "board", agent.host) as opened:
            assert opened.config == get_config("tiny")
            assert (opened.name, opened.clock_mhz) == ("golden", None)
            assert opened.choice == f"backend golden, as asked for, by the agent at {agent.host}"

    def test_here(self) -> None:
        with open_session("tiny", "golden") as opened:
            assert opened.choice == "backend golden, as asked for"

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("tiny", "rtl", "host"), "allowed with a host: board"),
            ((None, "golden"), "no config given"),
            (("tiny", "board", "a:b:c"), "host is 'a:b:c'"),
        ],
    )
    def test_what_makes_no_sense(self, arguments, sentence) -> None:
        with pytest.raises(DriverError, match=sentence):
            open_session(*arguments)

    def test_a_bitstream_where_there_is_none_to_load(self, agent) -> None:
        with pytest.raises(DriverError, match="has its own: flash it there"):
            open_session("tiny", "board", agent.host, bitstream="x")
        with pytest.raises(DriverError, match="bitstream x with backend 'golden', allowed with one: board"):
            open_session("tiny", "golden", bitstream="x")

    def test_of_another_config(self, agent) -> None:
        with pytest.raises(ConfigMismatch, match="serves config 'tiny'"):
            open_session("pynq-z2", "auto", agent.host)

    @pytest.mark.parametrize("timeout_s", [0, -1, 3601, float("nan"), float("inf")])
    def test_timeouts(self, agent, timeout_s) -> None:
        with pytest.raises(DriverError, match="timeout_s is"):
            open_session("tiny", "auto", agent.host, timeout_s=timeout_s)
