"""One command of a kernel as real numbers: integers and their scales, its golden result, its PyTorch meaning, and its
run on an accelerator."""

from gatewright_sim.stimulus.aggregate import AggregateStimulus
from gatewright_sim.stimulus.attention import AttentionStimulus
from gatewright_sim.stimulus.base import Stimulus
from gatewright_sim.stimulus.gemm import GemmStimulus
from gatewright_sim.stimulus.mean_pool import MeanPoolStimulus
from gatewright_sim.stimulus.vector import VectorFunction, VectorStimulus

__all__ = [
    "AggregateStimulus",
    "AttentionStimulus",
    "GemmStimulus",
    "MeanPoolStimulus",
    "Stimulus",
    "VectorFunction",
    "VectorStimulus",
]
