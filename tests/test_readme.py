"""The examples of README that need nothing but themselves run as they stand there."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"

pytest.importorskip("torch")


def example(mark: str) -> str:
    """The Python example that has ``mark``."""
    (found,) = [
        block for block in re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S) if mark in block
    ]
    return found


def run(text: str) -> dict[str, object]:
    names: dict[str, object] = {"__name__": "example"}
    exec(compile(text, str(README), "exec"), names)
    return names


def test_a_graph_network_of_pytorch_geometric() -> None:
    pytest.importorskip("torch_geometric")
    assert run(example("GCNConv"))["scores"].shape == (100, 8)


def test_an_encoder_of_hugging_face() -> None:
    pytest.importorskip("transformers")
    assert run(example("BertModel"))["hidden"].shape == (1, 5, 48)
