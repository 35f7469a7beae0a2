"""Networks of PyTorch Geometric, as both exporters write them, as one program with one doorbell."""

import io
import warnings

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")
geometric = pytest.importorskip("torch_geometric.nn")

from gatewright import Accelerator  # noqa: E402
from gatewright.compiler.compile import compile_model  # noqa: E402
from gatewright.compiler.errors import CompileError  # noqa: E402
from gatewright.program.compiled import FabricStep, HostStep  # noqa: E402
from gatewright.program.errors import InputError  # noqa: E402

NODES, EDGES, WIDTH = 60, 240, 8
CAPACITY = {"nodes": 80, "edges": 400}
BOUND = 0.04
"""Features and sums are int8, and a hub's sums are much larger than those of others."""
EXPORTERS = pytest.mark.parametrize("dynamo", [False, True], ids=["torchscript", "dynamo"])
LAYERS = {
    "GCN": lambda: geometric.GCNConv(WIDTH, 6),
    "GCN of two layers": lambda: geometric.GCN(WIDTH, 8, 2, 6),
    "LGConv": lambda: geometric.LGConv(),
    "SAGE, mean": lambda: geometric.SAGEConv(WIDTH, 6),
    "SAGE, sum": lambda: geometric.SAGEConv(WIDTH, 6, aggr="sum"),
    "GIN": lambda: geometric.GINConv(torch.nn.Linear(WIDTH, 6)),
    "GraphConv": lambda: geometric.GraphConv(WIDTH, 6),
    "SGConv": lambda: geometric.SGConv(WIDTH, 6, K=2),
    "APPNP": lambda: geometric.APPNP(2, 0.1),
}


class Static(torch.nn.Module):
    """A layer with a graph of its own."""

    def __init__(self, layer, graph) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("edges", torch.tensor(graph))

    def forward(self, x):
        return self.layer(x, self.edges)


class Dynamic(torch.nn.Module):
    """A layer with a graph that comes with each call."""

    def __init__(self, layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x, edge_index):
        return self.layer(x, edge_index)


class Pooled(torch.nn.Module):
    """A vector for each of four graphs."""

    def __init__(self, pool) -> None:
        super().__init__()
        self.layer, self.pool = geometric.GraphConv(WIDTH, 6), pool

    def forward(self, x, edge_index, batch):
        return self.pool(self.layer(x, edge_index), batch, 4)


class Recommender(torch.nn.Module):
    """LightGCN's scores of pairs of nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.network = geometric.LightGCN(NODES, 16, 3)

    def forward(self, edge_index, pairs):
        return self.network(edge_index, pairs)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def export(module, feed, dynamo, names=None):
    """``names``: for each input its dynamic dimensions by axis."""
    arguments = tuple(torch.tensor(array) for array in feed.values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not dynamo:
            stream = io.BytesIO()
            torch.onnx.export(
                module.eval(),
                arguments,
                stream,
                dynamo=False,
                input_names=list(feed),
                opset_version=18,
                dynamic_axes=names,
            )
            return onnx.load_from_string(stream.getvalue())
        shapes = {
            name: {axis: torch.export.Dim(size, min=2, max=1 << 20) for axis, size in axes.items()}
            for name, axes in (names or {}).items()
        }
        exported = torch.onnx.export(
            module.eval(),
            arguments,
            dynamo=True,
            input_names=list(feed),
            verbose=False,
            dynamic_shapes=[shapes.get(name, {}) for name in feed] if names else None,
        )
    return exported.model_proto


def right(module, feed):
    with torch.no_grad():
        return module(*(torch.tensor(array) for array in feed.values())).numpy()


def error(found, expected):
    assert found.shape == expected.shape
    size = float(np.square(expected).mean()) or 1.0
    return float(np.sqrt(np.square(found - expected).mean() / size))


def compiled(model, *feeds, **options):
    return compile_model(model, config=options.pop("config", "tiny"), calibration=[*feeds] * 16, **options)


def answer(program, feed, backend="golden"):
    with Accelerator(program.config, backend) as accelerator, accelerator.load(program) as loaded:
        (found,) = loaded(**feed).values()
    return found


def kinds(program):
    return [type(step) for step in program.variants[0].steps]


def graphs(rng, nodes=NODES, edges=EDGES):
    shares = 1 / np.arange(1, nodes + 1)
    return {
        "power law": rng.choice(nodes, (2, edges), p=shares / shares.sum()),
        "star": np.stack([np.arange(1, nodes), np.zeros(nodes - 1, int)]),
        "empty": np.zeros((2, 0), int),
        "isolated nodes": rng.integers(0, nodes // 2, (2, edges)),
        "edges twice": np.repeat(rng.integers(0, nodes, (2, 30)), 3, axis=1),
    }


DIMENSIONS = {"x": {0: "nodes"}, "edge_index": {1: "edges"}}


@pytest.mark.parametrize(
    ("layer", "dynamo"), [*((layer, False) for layer in LAYERS), ("GCN of two layers", True), ("SAGE, mean", True)]
)
def test_a_graph_of_the_model_is_a_constant_matrix(layer, dynamo, draw, rng):
    module, feed = Static(LAYERS[layer](), graphs(rng)["power law"]).eval(), {"x": draw(NODES, WIDTH)}
    program = compiled(export(module, feed, dynamo), feed)
    assert kinds(program) == [FabricStep]
    assert error(answer(program, feed), right(module, feed)) < BOUND


@EXPORTERS
@pytest.mark.parametrize("layer", LAYERS)
def test_a_graph_that_comes_with_each_call_is_sorted_before_the_doorbell(layer, dynamo, draw, rng):
    module = Dynamic(LAYERS[layer]()).eval()
    feed = {"x": draw(NODES, WIDTH), "edge_index": graphs(rng)["power law"]}
    program = compiled(export(module, feed, dynamo, DIMENSIONS), feed, capacity=CAPACITY)
    assert kinds(program) == [HostStep, FabricStep]
    assert error(answer(program, feed), right(module, feed)) < BOUND


@pytest.mark.parametrize("layer", ["GCN", "LGConv", "SAGE, mean", "GIN"])
def test_graphs_of_every_kind(layer, draw, rng):
    module = Dynamic(LAYERS[layer]()).eval()
    feed = {"x": draw(NODES, WIDTH), "edge_index": graphs(rng)["power law"]}
    model = export(module, feed, True, DIMENSIONS)
    for kind, graph in graphs(rng).items():
        own = feed | {"edge_index": graph}
        program = compiled(model, own, capacity=CAPACITY)
        assert error(answer(program, own), right(module, own)) < BOUND, kind


def test_one_program_takes_graphs_of_all_sizes(draw, rng):
    module = Dynamic(geometric.SAGEConv(WIDTH, 6)).eval()
    feeds = [
        {"x": draw(nodes, WIDTH), "edge_index": rng.integers(0, nodes, (2, edges))}
        for nodes, edges in ((60, 240), (80, 400), (5, 0), (1, 1), (30, 400))
    ]
    program = compiled(export(module, feeds[0], True, DIMENSIONS), *feeds, capacity=CAPACITY)
    for feed in feeds:
        assert error(answer(program, feed), right(module, feed)) < 0.05


def test_without_calibration_the_graph_is_one_at_random(draw, rng):
    module = Dynamic(geometric.LGConv()).eval()
    feed = {"x": draw(NODES, WIDTH), "edge_index": rng.integers(0, NODES, (2, EDGES))}
    program = compile_model(export(module, feed, True, DIMENSIONS), config="tiny", capacity=CAPACITY)
    assert error(answer(program, feed), right(module, feed)) < BOUND


@pytest.mark.parametrize("edge", [(3, NODES), (NODES, 3), (-1 - NODES, 3)])
def test_an_edge_beyond_the_nodes_is_an_error_of_the_input(edge, draw, rng):
    module = Dynamic(geometric.GCNConv(WIDTH, 6)).eval()
    feed = {"x": draw(NODES, WIDTH), "edge_index": rng.integers(0, NODES, (2, EDGES))}
    program = compiled(export(module, feed, True, DIMENSIONS), feed, capacity=CAPACITY)
    wrong = next(node for node in edge if not -NODES <= node < NODES)
    with pytest.raises(InputError, match=f"edge_index.* has the index {wrong}, which points beyond the rows it is for"):
        answer(program, feed | {"edge_index": np.array(edge)[:, None]})


def test_a_constant_edge_beyond_the_nodes_is_refused(draw, rng):
    feed = {"x": draw(NODES, WIDTH)}
    model = export(Static(geometric.GraphConv(WIDTH, 6), np.array([[0, 1], [1, 7]])), feed, False)
    constants = [attribute.t for node in model.graph.node for attribute in node.attribute if attribute.HasField("t")]
    for tensor in [*model.graph.initializer, *constants]:
        array = onnx.numpy_helper.to_array(tensor)
        if array.dtype == np.int64:
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.where(array == 7, NODES, array), tensor.name))
    with pytest.raises(CompileError, match=f"{NODES}"):
        compiled(model, feed)


@EXPORTERS
def test_weights_of_edges_are_an_input(dynamo, draw, rng):
    class Weighted(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = geometric.GCNConv(WIDTH, 6)

        def forward(self, x, edge_index, edge_weight):
            return self.layer(x, edge_index, edge_weight)

    module = Weighted().eval()
    feed = {"x": draw(NODES, WIDTH), "edge_index": rng.integers(0, NODES, (2, EDGES))}
    feed["edge_weight"] = rng.uniform(0.1, 1, EDGES).astype(np.float32)
    program = compiled(
        export(module, feed, dynamo, {**DIMENSIONS, "edge_weight": {0: "edges"}}), feed, capacity=CAPACITY
    )
    assert kinds(program) == [HostStep, FabricStep]
    assert error(answer(program, feed), right(module, feed)) < BOUND


@EXPORTERS
@pytest.mark.parametrize("pool", ["global_add_pool", "global_mean_pool"])
def test_a_readout_by_graph(pool, dynamo, draw, rng):
    module = Pooled(getattr(geometric, pool)).eval()
    feed = {"x": draw(NODES, WIDTH), "edge_index": rng.integers(0, NODES, (2, EDGES))}
    feed["batch"] = np.sort(rng.integers(0, 4, NODES))
    program = compiled(export(module, feed, dynamo, {**DIMENSIONS, "batch": {0: "nodes"}}), feed, capacity=CAPACITY)
    assert kinds(program) == [HostStep, FabricStep]
    assert error(answer(program, feed), right(module, feed)) < BOUND


def test_scores_of_lightgcn(rng):
    module = Recommender().eval()
    feed = {"edge_index": rng.integers(0, NODES, (2, EDGES)), "pairs": rng.integers(0, NODES, (2, 50))}
    program = compiled(export(module, feed, False, {"edge_index": {1: "edges"}}), feed, capacity={"edges": 400})
    assert kinds(program) == [HostStep, FabricStep]
    assert error(answer(program, feed), right(module, feed)) < BOUND


@pytest.mark.parametrize("layer", ["GCN of two layers", "SAGE, mean"])
def test_the_rtl_computes_the_same(layer, draw, rng):
    module = Dynamic(LAYERS[layer]()).eval()
    feed = {"x": draw(NODES, WIDTH), "edge_index": graphs(rng)["power law"]}
    program = compiled(export(module, feed, False, DIMENSIONS), feed, capacity=CAPACITY)
    np.testing.assert_array_equal(answer(program, feed, "rtl"), answer(program, feed))


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS)
def test_a_graph_of_seventy_thousand_nodes(layer, draw, rng):
    nodes, edges = 70_000, 300_000
    module = Dynamic(LAYERS[layer]()).eval()
    feed = {"x": draw(nodes, WIDTH), "edge_index": graphs(rng, nodes, edges)["power law"]}
    model = export(module, feed, True, DIMENSIONS)
    program = compile_model(
        model, config="pynq-z2", calibration=feed, capacity={"nodes": nodes, "edges": edges}, max_error=np.inf
    )
    assert kinds(program) == [HostStep, FabricStep]
    assert error(answer(program, feed), right(module, feed)) < 0.05
