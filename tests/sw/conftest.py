"""For several folders: a small hybrid model, really trained on a few MovieLens users, and programs made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from gatewright.program.compiled import (
    CompiledProgram,
    FabricStep,
    HostStep,
    Layer,
    Patch,
    Placement,
    Region,
    Value,
    Variant,
    shape_at,
)
from gatewright.spec.commands import AGGREGATE, ATTENTION, GEMM, AttentionFlags, GemmFlags, encode
from gatewright.spec.config import SPEC_VERSION, get_config
from gatewright.spec.memory import COMMAND_BYTES


@pytest.fixture(scope="session")
def small_options():
    from gatewright.models.fusion import FusionOptions
    from gatewright.models.lightgcn import LightGCNOptions
    from gatewright.models.train import TrainingOptions
    from gatewright.models.train_fusion import FusionTraining

    return TrainingOptions(
        graph=LightGCNOptions(steps=30),
        fusion=FusionOptions(history=24),
        training=FusionTraining(steps=4, batch=32),
    )


@pytest.fixture(scope="session")
def small_trained(tmp_path_factory, small_options):
    """Trained from nothing in a cache of its own."""
    from gatewright.models.data import load_movielens
    from gatewright.models.train import train_or_load

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWRIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return train_or_load(load_movielens().subset(10), small_options)


@pytest.fixture(scope="session")
def small_deployed(tmp_path_factory, small_trained):
    """Compiled for `pynq-z2`, in a cache of its own."""
    from gatewright.models.deploy import deploy_or_load
    from gatewright.spec.config import get_config

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWRIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return deploy_or_load(small_trained, get_config("pynq-z2"))
