"""Requests spread over boards, as JSON: ``python requests.py COUNT PORT:DESIGN...``, with any version of pynq.

Each board has a thread of its own; what it computes is compared here, and its clock is asked for at its end.
"""

import json
import os
import sys
import threading
import warnings

import numpy as np

warnings.simplefilter("ignore")
import pynq  # noqa: E402
import pynq.pl_server.embedded_device as embedded  # noqa: E402
import pynq.pl_server.global_state as state  # noqa: E402
import pynq.pl_server.remote_device as remote  # noqa: E402

from gatewright.driver import Accelerator  # noqa: E402
from gatewright.driver.board import BoardBackend  # noqa: E402
from gatewright.spec.config import get_config  # noqa: E402

COUNT, *BOARDS = sys.argv[1:]

state.STATE_DIR = os.getcwd()  # pynq's own is its installation
remote.__file__ = embedded.__file__ = os.path.join(os.getcwd(), "module.py")
numbers = iter(range(int(COUNT)))
take = threading.Lock()
results, found = {}, {"pynq": pynq.__version__, "clocks": [], "shares": []}


def operands(number):
    rng = np.random.default_rng(number)
    m, n, k = rng.integers(1, 20, 3)
    return rng.integers(-128, 128, (m, k)).astype(np.int8), rng.integers(-128, 128, (n, k)).astype(np.int8)


def serve(accelerator, share):
    while True:
        with take:
            number = next(numbers, None)
        if number is None:
            return
        a, b = operands(number)
        results[number] = accelerator.gemm(a, b)
        share.append(number)


threads = []
accelerators = []
for board in BOARDS:
    port, design = board.split(":", 1)
    backend = BoardBackend(get_config("tiny"), host="pynq://127.0.0.1:" + port, bitstream=design)
    accelerators.append(Accelerator("tiny", backend, timeout_s=60))
    found["shares"].append([])
    threads.append(threading.Thread(target=serve, args=(accelerators[-1], found["shares"][-1])))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for accelerator in accelerators:
    found["clocks"].append(accelerator.backend.clock.mhz)
    accelerator.close()
wrong = [
    number
    for number, result in results.items()
    if not np.array_equal(result, operands(number)[0].astype(np.int32) @ operands(number)[1].astype(np.int32).T)
]
print(json.dumps({**found, "answered": sorted(results), "wrong": wrong}))
