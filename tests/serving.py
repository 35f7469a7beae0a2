"""Virtual boards in processes of their own, as people start them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading

__all__ = ["ServedBoard"]

READY_S = 300
END_S = 30


class ServedBoard:
    """``gatewright board serve`` in a process, with the RTL of config tiny made ready.

    Parameters
    ----------
    board : its name.
    options : of the command, besides.
    port : to listen on; 0 for a free one.

    Attributes
    ----------
    host, port : where it listens.
    """

    def __init__(self, board: str = "zybo-z7-10", *options: str, port: int = 0) -> None:
        command = [sys.executable, "-m", "gatewright", "board", "serve", "--board", board, "--port", str(port)]
        command += ["--config", "tiny"]
        self._errors: list[str] = []
        self._process = subprocess.Popen(
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "1000"},
        )
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._read_errors, daemon=True)
        self._reader.start()
        line = self._process.stdout.readline()
        found = re.search(r"pynq://([^:]+):(\d+)", line)
        if found is None:
            self.kill()
            raise AssertionError(f"board serve did not start: {line} {self.log}")
        self.host, self.port = found[1], int(found[2])

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._errors.append(line)

    @property
    def log(self) -> str:
        """What it has said on stderr."""
        return "".join(self._errors)

    def kill(self) -> None:
        """As by a power cut."""
        self._process.kill()
        self._process.wait(END_S)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ask it to end; its exit code."""
        self._process.send_signal(number)
        code = self._process.wait(END_S)
        self._reader.join(END_S)
        return code

    def __enter__(self) -> ServedBoard:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()
