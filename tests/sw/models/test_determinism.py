"""Training gives the same bits however many threads PyTorch has, and leaves them to others afterwards."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from gatewright.models.data import load_movielens
from gatewright.models.determinism import deterministic
from gatewright.models.train import train_or_load


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_one_thread_inside_as_before_outside(three_threads: None) -> None:
    @deterministic()
    def fail() -> None:
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert torch.get_num_threads() == 3
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_model_is_the_same_with_any_number_of_threads(
    three_threads: None, tmp_path, monkeypatch, small_options
) -> None:
    models = []
    options = replace(small_options, hybrid=replace(small_options.hybrid, graph_steps=4))
    for threads in (1, 3):
        torch.set_num_threads(threads)
        monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / str(threads)))
        train_or_load(load_movielens().subset(4), options)
        (entry,) = (tmp_path / str(threads) / "models").glob("[!.]*")
        models.append((entry / "model.npz").read_bytes())
    assert models[0] == models[1]
