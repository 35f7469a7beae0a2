"""What goes wrong between two processes: one clear error in time, and the next request is right."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from gatewright.agent import connection
from gatewright.agent.connect import open_session
from gatewright.agent.errors import AgentError, AgentLost, AgentTimeout, AgentUnavailable
from gatewright.agent.remote import RemoteAccelerator
from gatewright.agent.transport import SERVICE, grpc
from gatewright.agent.wire import pack
from gatewright.driver import AcceleratorTimeout, DriverError, ForkedAccelerator
from gatewright.program import save_program

GARBAGE = (
    b"GET / HTTP/1.1\r\n\r\n",
    bytes(range(256)) * 64,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 99,
)
NONSENSE = (b"", b"\xff" * 100, pack({}), pack({"sha256": "../..", "session": 3, "files": {}}))
VANISHING = """
import sys
import numpy as np
from gatewright.agent.remote import RemoteAccelerator

model = RemoteAccelerator("tiny", sys.argv[1]).load(sys.argv[2])
print("loaded", flush=True)
while True:
    model(x=np.zeros((4, 24)))
"""
TOKEN = "0123456789abcdef0123456789abcdef"


def _killer(agent, delay_s: float) -> threading.Timer:
    timer = threading.Timer(delay_s, agent.kill)
    timer.start()
    return timer


@pytest.fixture
def wanted(golden, programs, x) -> np.ndarray:
    with golden.load(programs.linear()) as here:
        return here(x=x)["y"]


class TestKilled:
    def test_in_mid_request(self, start_agent, programs, x, wanted) -> None:
        """It is stopped, so that the request is surely there, then killed; the one after it is right."""
        first = start_agent()
        with RemoteAccelerator("tiny", first.host, timeout_s=20) as remote:
            linear = remote.load(programs.linear())
            np.testing.assert_array_equal(linear(x=x)["y"], wanted)
            first.send(signal.SIGSTOP)
            killer = _killer(first, 0.3)
            start = time.monotonic()
            with pytest.raises(AgentLost, match=f"the agent at {first.host} was lost during 'run'"):
                linear(x=x)
            assert time.monotonic() - start < 10
            killer.join()
            with pytest.raises(AgentUnavailable, match=f"no agent answers at {first.host}: Connection refused"):
                linear(x=x)
            start_agent(port=first.port)
            np.testing.assert_array_equal(linear(x=x)["y"], wanted)
            assert remote.report().programs == 2

    def test_between_requests(self, start_agent, programs, x, wanted) -> None:
        first = start_agent()
        with RemoteAccelerator("tiny", first.host, timeout_s=20) as remote:
            linear, other = remote.load(programs.linear()), remote.load(programs.vector())
            first.kill()
            start_agent(port=first.port)
            time.sleep(connection.IDLE_S)
            np.testing.assert_array_equal(linear(x=x)["y"], wanted)
            assert other(a=np.ones((2, 8)), b=np.ones((2, 8)))["y"].tolist() == [[8.0] * 8] * 2

    def test_in_the_middle_of_the_rtl(self, start_agent, programs, x, golden) -> None:
        """Really while the design runs: 250 products take the simulator longer than the kill."""
        first = start_agent(backend="rtl")
        program = programs.linear(commands=250)
        with RemoteAccelerator("tiny", first.host, timeout_s=120) as remote:
            many = remote.load(program)
            start = time.monotonic()
            expected = many(x=x)["y"]
            took = time.monotonic() - start
            killer = _killer(first, took / 2)
            with pytest.raises(AgentLost):
                _often(20, lambda: many(x=x))
            killer.join()
            start_agent(backend="rtl", port=first.port)
            np.testing.assert_array_equal(many(x=x)["y"], expected)
        with golden.load(program) as here:
            np.testing.assert_array_equal(here(x=x)["y"], expected)


def _often(times, call):
    for _ in range(times):
        call()


class TestHung:
    def test_a_call_ends_at_its_timeout(self, start_agent, programs, x, wanted) -> None:
        agent = start_agent()
        with RemoteAccelerator("tiny", agent.host, timeout_s=1.0) as remote:
            linear = remote.load(programs.linear())
            agent.send(signal.SIGSTOP)
            start = time.monotonic()
            with pytest.raises(AgentTimeout, match=r"did not finish 'run' within 1 s"):
                linear(x=x)
            assert 0.9 < time.monotonic() - start < 5
            agent.send(signal.SIGCONT)
            np.testing.assert_array_equal(linear(x=x)["y"], wanted)

    def test_so_does_connecting(self, start_agent, monkeypatch) -> None:
        monkeypatch.setattr(connection, "CONNECT_S", 0.5)
        agent = start_agent()
        agent.send(signal.SIGSTOP)
        start = time.monotonic()
        with pytest.raises(AgentUnavailable, match=r"said nothing within 0\.5 s"):
            RemoteAccelerator("tiny", agent.host)
        assert time.monotonic() - start < 15

    def test_a_program_that_does_not_end(self, start_agent, programs, x) -> None:
        """The agent's own limit, by the accelerator's own error; the agent takes the next call."""
        agent = start_agent("--timeout", 0.1, backend="rtl")
        with RemoteAccelerator("tiny", agent.host, timeout_s=60) as remote:
            with remote.load(programs.linear(commands=10_000)) as many:
                with pytest.raises(AcceleratorTimeout, match="not done after") as error:
                    many(x=x)
                assert error.value.engine == "gemm"
            with remote.load(programs.linear()) as linear:
                assert linear(x=x)["y"].shape == (4, 9)


class TestClients:
    def test_that_vanish_in_mid_request(self, start_agent, programs, x, golden, tmp_path) -> None:
        """Three processes are killed while they call; another client's answers stay right, and what the three had
        loaded is freed when their sessions expire."""
        agent = start_agent("--session", 1)
        path = tmp_path / "vanish.gwp"
        save_program(programs.linear(commands=20), path)
        with open_session("tiny", host=agent.host, timeout_s=60) as remote, golden.load(programs.linear()) as here:
            linear = remote.load(programs.linear())
            clients = [
                subprocess.Popen([sys.executable, "-c", VANISHING, agent.host, path], stdout=subprocess.PIPE, text=True)
                for _ in range(3)
            ]
            for client in clients:
                assert client.stdout.readline() == "loaded\n"
            for client in clients:
                np.testing.assert_array_equal(linear(x=x)["y"], here(x=x)["y"])
                client.kill()
                client.wait(30)
                client.stdout.close()
            np.testing.assert_array_equal(linear(x=x)["y"], here(x=x)["y"])
            deadline = time.monotonic() + 30
            while len(remote.status()["programs"]) > 1 and time.monotonic() < deadline:
                linear(x=x)  # lives
                time.sleep(0.1)
            (left,) = remote.status()["programs"]
            assert left["sessions"] == 1

    def test_a_session_that_was_taken_for_gone_loads_again(self, start_agent, programs, x, wanted) -> None:
        agent = start_agent("--session", 1)
        with RemoteAccelerator("tiny", agent.host, timeout_s=20) as remote:
            linear = remote.load(programs.linear())
            deadline = time.monotonic() + 30
            while remote.status()["programs"] and time.monotonic() < deadline:
                time.sleep(0.1)
            assert remote.status()["programs"] == []
            np.testing.assert_array_equal(linear(x=x)["y"], wanted)

    @pytest.mark.parametrize(
        "garbage",
        [b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 64, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 99],
    )
    def test_that_speak_something_else(self, agent, programs, x, wanted, garbage) -> None:
        host, _, port = agent.host.rpartition(":")
        with socket.create_connection((host, int(port)), 10) as stranger:
            stranger.sendall(garbage)
            stranger.settimeout(10)
            with (
                RemoteAccelerator("tiny", agent.host, timeout_s=20) as remote,
                remote.load(programs.linear()) as linear,
            ):
                np.testing.assert_array_equal(linear(x=x)["y"], wanted)

    @pytest.mark.parametrize("method", ["hello", "status", "load", "run", "release", "end", "flash"])
    @pytest.mark.parametrize(
        "data", [b"", b"\xff" * 100, pack({}), pack({"sha256": "../..", "session": 3, "files": {}})]
    )
    def test_that_send_nonsense(self, agent, method, data) -> None:
        """They get an answer with an error, or (where nothing of it is needed) one without."""
        with grpc.insecure_channel(agent.host) as channel:
            answer = channel.unary_unary(f"/{SERVICE}/{method}")(data, 10)
        assert b"error" in answer or method == "status"

    def test_that_set_no_deadline(self, agent) -> None:
        with grpc.insecure_channel(agent.host) as channel, pytest.raises(grpc.RpcError, match="needs a deadline"):
            channel.unary_unary(f"/{SERVICE}/status")(pack({}))

    def test_that_call_what_there_is_not(self, agent) -> None:
        with RemoteAccelerator("tiny", agent.host) as remote, pytest.raises(AgentError, match="Method not found"):
            remote.connection.call("sudo", {}, 10)


@contextmanager
def _listener(answer: bytes | None) -> Iterator[str]:
    """Something that is no agent: it accepts, and says ``answer`` or nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                held.append(connection)
                if answer:
                    connection.sendall(answer)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            for each in held:
                each.close()


class TestNoAgent:
    def test_nobody(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        with pytest.raises(AgentUnavailable, match=f"no agent answers at 127.0.0.1:{port}: Connection refused"):
            RemoteAccelerator("tiny", f"127.0.0.1:{port}")

    def test_no_such_host(self) -> None:
        with pytest.raises(AgentUnavailable, match=r"no agent answers at no-such-host\.invalid:7968: "):
            RemoteAccelerator("tiny", "no-such-host.invalid")

    @pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", None])
    def test_another_program(self, answer, monkeypatch) -> None:
        monkeypatch.setattr(connection, "CONNECT_S", 1.0)
        start = time.monotonic()
        with _listener(answer) as host, pytest.raises(AgentUnavailable, match=f"what answers at {host}"):
            RemoteAccelerator("tiny", host)
        assert time.monotonic() - start < 15

    def test_another_grpc_server(self, grpc_server) -> None:
        sentence = r"is no gatewright agent .*pynq://HOST"
        with grpc_server("mmio.Mmio/read", b"") as host, pytest.raises(AgentUnavailable, match=sentence):
            RemoteAccelerator("tiny", host)

    @pytest.mark.parametrize("answer", [b"", b"nonsense", pack({})])
    def test_an_agent_that_answers_nonsense(self, answer, grpc_server) -> None:
        with grpc_server(f"{SERVICE}/hello", answer) as host, pytest.raises(AgentError):
            RemoteAccelerator("tiny", host)


class TestToken:
    @pytest.fixture
    def locked(self, start_agent):
        return start_agent(GATEWRIGHT_TOKEN=TOKEN)

    def test_the_right_one(self, locked, programs, x, wanted) -> None:
        with RemoteAccelerator("tiny", locked.host, token=TOKEN) as remote, remote.load(programs.linear()) as linear:
            np.testing.assert_array_equal(linear(x=x)["y"], wanted)

    @pytest.mark.parametrize(("token", "what"), [(None, "a token"), ("f" * 32, "another token")])
    def test_none_or_another(self, locked, token, what, monkeypatch) -> None:
        monkeypatch.delenv("GATEWRIGHT_TOKEN", raising=False)
        with pytest.raises(AgentUnavailable, match=f"wants {what}: set GATEWRIGHT_TOKEN"):
            RemoteAccelerator("tiny", locked.host, token=token)

    def test_uploads_need_it_too(self, locked) -> None:
        with grpc.insecure_channel(locked.host) as channel, pytest.raises(grpc.RpcError, match="a token"):
            channel.stream_unary(f"/{SERVICE}/upload")(iter([b"x" * 1000] * 100), 10)


def _agent_command(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "gatewright", "board", "agent", "--backend", "golden", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


class TestStart:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::"])
    def test_the_network_needs_a_token(self, clean_environment, host) -> None:
        ended = _agent_command(clean_environment, "--host", host)
        assert ended.returncode == 2
        assert "needs a token" in ended.stderr
        assert "--token-file" in ended.stderr
        assert ended.stderr.count("\n") == 1

    def test_with_one(self, start_agent, tmp_path, programs, x, wanted) -> None:
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        agent = start_agent("--host", "0.0.0.0", "--token-file", tmp_path / "token")
        with RemoteAccelerator("tiny", f"127.0.0.1:{agent.port}", token=TOKEN) as remote:
            np.testing.assert_array_equal(remote.load(programs.linear())(x=x)["y"], wanted)

    def test_a_port_in_use(self, agent, clean_environment) -> None:
        ended = _agent_command(clean_environment, "--port", agent.port)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == f"error: cannot listen on 127.0.0.1:{agent.port}: Address already in use\n"

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("--host", "203.0.113.7", "--token-file", "/dev/null"), "the token has 0 characters"),
            (("--token-file", "nowhere"), "token file nowhere: No such file"),
            (("--config", "huge"), "unknown config 'huge'"),
            (("--board", "z3"), "unknown board 'z3'"),
            (("--bitstream", "nowhere"), "nowhere/manifest.json: No such file"),
            (("--port", "70000"), "less than or equal to 65535"),
        ],
    )
    def test_bad_input(self, clean_environment, arguments, sentence) -> None:
        ended = _agent_command(clean_environment, *arguments)
        assert ended.returncode == 2
        assert sentence in ended.stderr

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGHUP, 129)])
    def test_the_end(self, start_agent, number, code, programs, x) -> None:
        agent = start_agent()
        with RemoteAccelerator("tiny", agent.host, timeout_s=20) as remote:
            linear = remote.load(programs.linear())
            linear(x=x)
            agent.send(number)
            assert agent.process.wait(20) == code
            with pytest.raises(AgentError):
                linear(x=x)


def test_a_hundred_requests_over_two_agents(start_agent, programs, golden) -> None:
    """None lost, all right, each agent's own accelerator counted; the RTL of one, the golden model of the other."""
    agents = [start_agent(backend="rtl"), start_agent(backend="golden")]
    inputs = [np.random.default_rng(seed).normal(0, 20, (4, 24)) for seed in range(100)]
    with RemoteAccelerator("tiny", agents[0].host) as one, RemoteAccelerator("tiny", agents[1].host) as two:
        loaded = [one.load(programs.linear()), two.load(programs.linear())]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda turn: loaded[turn % 2](x=inputs[turn])["y"], range(100)))
        reports = [one.report(), two.report()]
    with golden.load(programs.linear()) as here:
        for given, outputs in zip(inputs, found, strict=True):
            np.testing.assert_array_equal(outputs, here(x=given)["y"])
    assert [report.programs for report in reports] == [50, 50]
    assert reports[0].cycles > 0 == reports[1].cycles


def test_a_fork_of_a_client(agent, programs, x) -> None:
    with RemoteAccelerator("tiny", agent.host) as remote:
        linear = remote.load(programs.linear())
        child = os.fork()
        if child == 0:
            try:
                linear(x=x)
            except ForkedAccelerator:
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        linear(x=x)


def test_the_timeout_of_a_busy_accelerator(start_agent, programs, x) -> None:
    """Who waits for others in vain is told so, not that the agent is gone."""
    agent = start_agent(backend="rtl")
    with RemoteAccelerator("tiny", agent.host, timeout_s=60) as one:
        many = one.load(programs.linear(commands=250))
        many(x=x)
        with RemoteAccelerator("tiny", agent.host, timeout_s=60) as two:
            linear = two.load(programs.linear())
            with ThreadPoolExecutor(4) as pool:
                busy = [pool.submit(many, x=x) for _ in range(4)]
                assert two.status()["open"]  # at once
                two.timeout_s = 0.02
                with pytest.raises(AgentError):
                    _often(50, lambda: linear(x=x))
                two.timeout_s = 60
                linear(x=x)
                assert all(each.result()["y"].shape == (4, 9) for each in busy)
    with pytest.raises(DriverError):
        RemoteAccelerator("tiny", agent.host, timeout_s=0)
