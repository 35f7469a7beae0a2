"""The parts of the table, and what is in them."""

import pytest

from gatewright.spec.config import CONFIGS, get_config
from gatewright.spec.errors import GatewrightError
from gatewright_sim.speed.kernels import attention, gemm, products
from gatewright_sim.speed.minilm import LENGTHS, TOKENS, minilm, sequence_length
from gatewright_sim.speed.parts import PARTS, chosen


def test_all_in_the_order_of_the_table() -> None:
    assert chosen(()) == tuple(PARTS)
    assert chosen(["minilm", "gemm", "minilm"]) == ("gemm", "minilm")


def test_another_name_is_refused_with_all_that_are_allowed() -> None:
    with pytest.raises(GatewrightError, match=f"unknown part 'scoring', allowed: {', '.join(PARTS)}"):
        chosen(["gemm", "scoring"])


@pytest.mark.parametrize("config", CONFIGS)
def test_rows_have_names_of_their_own(config: str) -> None:
    rows = [each for part in (gemm, attention, products, minilm) for each in part(get_config(config))]
    assert len({(each.part, each.what) for each in rows}) == len({each.made_from for each in rows}) == len(rows)


def test_a_length_that_two_parts_have_is_measured_once() -> None:
    config = get_config("pynq-z2")
    recommender = {each.made_from for each in minilm(config)} & {each.made_from for each in sequence_length(config)}
    assert len(recommender) == len({*TOKENS} & {*LENGTHS})


def test_what_a_small_configuration_does_not_hold_is_left_out() -> None:
    config = get_config("tiny")
    assert [each.size for each in sequence_length(config)] == [16, 32, 64]
    assert all(" 1,536" not in each.what.split("x")[2] for each in products(config))
