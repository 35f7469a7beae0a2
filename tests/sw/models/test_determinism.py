"""Training gives the same bits however many threads PyTorch and BLAS have, and leaves them to others afterwards."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from gatewright.models.data import load_movielens
from gatewright.models.determinism import deterministic
from gatewright.models.experts.kept import kept_vectors
from gatewright.models.systems import Bpr, GraphAlone, SasRec
from gatewright.models.train import train_or_load


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    with threadpool_limits(3, user_api="blas"):
        yield
    torch.set_num_threads(before)


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_one_thread_inside_as_before_outside(three_threads: None) -> None:
    @deterministic()
    def fail() -> None:
        assert torch.get_num_threads() == 1
        assert blas_threads() == {1}
        assert torch.are_deterministic_algorithms_enabled()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert torch.get_num_threads() == 3
    assert blas_threads() == {3}
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_model_is_the_same_with_any_number_of_threads(
    three_threads: None, tmp_path, monkeypatch, small_options
) -> None:
    models = []
    options = replace(small_options, hybrid=replace(small_options.hybrid, graph_steps=4))
    for threads in (1, 3):
        torch.set_num_threads(threads)
        monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / str(threads)))
        with threadpool_limits(threads, user_api="blas"):
            train_or_load(load_movielens().subset(4), options)
        (entry,) = (tmp_path / str(threads) / "models").glob("[!.]*")
        models.append((entry / "model.npz").read_bytes())
    assert models[0] == models[1]


def test_vectors_are_made_by_one_thread_whoever_asks_for_them(three_threads: None, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path))

    def make() -> tuple[np.ndarray, np.ndarray]:
        threads = np.array([torch.get_num_threads(), *blas_threads()])
        return threads, threads

    keys, _ = kept_vectors(load_movielens().subset(2), "threads", make)
    assert keys.tolist() == [1, 1]


@pytest.mark.parametrize("system", [Bpr(epochs=1), GraphAlone(steps=4), SasRec(epochs=1)], ids=lambda each: each.NAME)
def test_a_system_is_the_same_with_any_number_of_threads(system, three_threads: None) -> None:
    """Whoever calls it: not in a comparison alone, which holds the threads as well."""
    data = load_movielens().subset(60)
    found = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        with threadpool_limits(threads, user_api="blas"):
            scorer = system.fit(data)
        found.append(scorer.scores(np.arange(data.n_users)))
    assert np.array_equal(*found)
