"""Whether an accelerator computes what it must: golden vectors as data, run through the driver. Needs numpy alone."""

from gatewright.selftest.run import KernelResult, SelfTest, run_vectors, self_test
from gatewright.selftest.vectors import KERNELS, GoldenVector, load_vectors

__all__ = ["KERNELS", "GoldenVector", "KernelResult", "SelfTest", "load_vectors", "run_vectors", "self_test"]
