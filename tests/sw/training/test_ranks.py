"""Processes that share a batch have the loss and the gradient of one process that has all of it."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import gathering
from gatewright.training.errors import TrainingError
from gatewright.training.ranks import ALONE, Ranks
from gatewright.training.recommendation_loss import stretch_loss


def test_two_processes_are_as_one(tmp_path):
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, gathering.__file__, str(tmp_path / "meeting")]
    children = [
        subprocess.Popen([*command, str(rank), "2"], env=environment, stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    said = [np.array(child.communicate(timeout=120)[0].split(), float) for child in children]
    assert [child.returncode for child in children] == [0, 0]
    whole = gathering.vectors().requires_grad_()
    loss = stretch_loss(whole, ALONE.gather(whole), gathering.ITEMS, 0, 0.5)
    loss.backward()
    assert np.isclose(np.mean([each[0] for each in said]), float(loss.detach()))
    shares = np.concatenate([each[1:] for each in said]) / 2  # gradients are averaged over processes
    assert np.allclose(shares, whole.grad.reshape(-1), atol=1e-12)


def test_shares_are_all_of_a_batch():
    found = [item for rank in range(3) for item in range(12)[Ranks(rank, 3).share(12)]]
    assert found == list(range(12))


def test_a_batch_that_cannot_be_shared():
    with pytest.raises(TrainingError, match="a batch of 7 cannot be shared equally by 2 processes"):
        Ranks(1, 2).share(7)


def test_one_process_keeps_its_vectors():
    own = torch.ones(2, 3)
    assert ALONE.gather(own) is own
