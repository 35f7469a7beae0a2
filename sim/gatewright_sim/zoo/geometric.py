"""Networks of `torch_geometric.nn` with random weights. The graph is a part of most of them, and an input of some."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gatewright_sim.zoo.material import Inputs, Material, exported

__all__ = ["make", "names"]

_PREFIX = "geometric/"
_ANY = " of any graph"
_NODES, _EDGES = 40, 160
_FEATURES, _HIDDEN, _CLASSES, _EDGE_FEATURES, _RELATIONS = 16, 32, 8, 4, 3
_SEED = 0

Make = Callable[[Any], Any]
"""From the package `torch_geometric.nn` to a layer or network."""

_F, _H, _C = _FEATURES, _HIDDEN, _CLASSES

LAYERS: Mapping[str, Make] = {
    "AGNNConv": lambda nn: nn.AGNNConv(),
    "APPNP": lambda nn: nn.APPNP(3, 0.1),
    "ARMAConv": lambda nn: nn.ARMAConv(_F, _H),
    "ChebConv": lambda nn: nn.ChebConv(_F, _H, 3),
    "ClusterGCNConv": lambda nn: nn.ClusterGCNConv(_F, _H),
    "EGConv": lambda nn: nn.EGConv(_F, _H),
    "FAConv": lambda nn: _with(nn.FAConv(_F), lambda conv, x, edges: conv(x, x, edges)),
    "FeaStConv": lambda nn: nn.FeaStConv(_F, _H, 2),
    "FiLMConv": lambda nn: nn.FiLMConv(_F, _H),
    "GATConv": lambda nn: nn.GATConv(_F, _C, heads=4),
    "GATv2Conv": lambda nn: nn.GATv2Conv(_F, _C, heads=4),
    "GCN2Conv": lambda nn: _with(nn.GCN2Conv(_F, 0.1), lambda conv, x, edges: conv(x, x, edges)),
    "GCNConv": lambda nn: nn.GCNConv(_F, _H),
    "GENConv": lambda nn: nn.GENConv(_F, _H),
    "GatedGraphConv": lambda nn: nn.GatedGraphConv(_H, 2),
    "GeneralConv": lambda nn: nn.GeneralConv(_F, _H),
    "GraphConv": lambda nn: nn.GraphConv(_F, _H),
    "HypergraphConv": lambda nn: nn.HypergraphConv(_F, _H),
    "LEConv": lambda nn: nn.LEConv(_F, _H),
    "LGConv": lambda nn: nn.LGConv(),
    "MFConv": lambda nn: nn.MFConv(_F, _H, max_degree=6),
    "MixHopConv": lambda nn: nn.MixHopConv(_F, _H),
    "ResGatedGraphConv": lambda nn: nn.ResGatedGraphConv(_F, _H),
    "SAGEConv": lambda nn: nn.SAGEConv(_F, _H),
    "SGConv": lambda nn: nn.SGConv(_F, _H, K=2),
    "SSGConv": lambda nn: nn.SSGConv(_F, _H, 0.1, K=2),
    "SuperGATConv": lambda nn: nn.SuperGATConv(_F, _C, heads=2),
    "TAGConv": lambda nn: nn.TAGConv(_F, _H),
    "TransformerConv": lambda nn: nn.TransformerConv(_F, _C, heads=4),
}
"""Of features and edges."""

NETWORKS: Mapping[str, Make] = {
    "EdgeCNN": lambda nn: nn.EdgeCNN(_F, _H, 2, _C),
    "GAT": lambda nn: nn.GAT(_F, _H, 2, _C, heads=4),
    "GCN": lambda nn: nn.GCN(_F, _H, 2, _C, norm="batch_norm", jk="cat"),
    "GIN": lambda nn: nn.GIN(_F, _H, 2, _C),
    "GraphSAGE": lambda nn: nn.GraphSAGE(_F, _H, 2, _C, norm="layer_norm"),
    "GraphUNet": lambda nn: nn.GraphUNet(_F, _H, _C, depth=2),
    "LINKX": lambda nn: nn.LINKX(_NODES, _F, _H, _C, 2),
    "PMLP": lambda nn: nn.PMLP(_F, _H, _C, 2),
    "PNA": lambda nn: nn.PNA(_F, _H, 2, _C, aggregators=["mean", "max", "std"], scalers=["identity", "amplification"],
                             deg=_degrees()),
    "SGFormer": lambda nn: _with(nn.SGFormer(_F, _H, _C), lambda net, x, edges: net(x, edges, x[:, 0].long() * 0)),
}  # fmt: skip
"""Of features and edges, several layers deep."""

WITH_EDGE_FEATURES: Mapping[str, Make] = {
    "AttentiveFP": lambda nn: _with(
        nn.AttentiveFP(_F, _H, _C, _EDGE_FEATURES, 2, 1), lambda net, x, edges, e: net(x, edges, e, x[:, 0].long() * 0)
    ),
    "CGConv": lambda nn: nn.CGConv(_F, _EDGE_FEATURES),
    "GINEConv": lambda nn: nn.GINEConv(_mlp(nn), edge_dim=_EDGE_FEATURES),
    "GMMConv": lambda nn: nn.GMMConv(_F, _H, _EDGE_FEATURES, 2),
    "NNConv": lambda nn: nn.NNConv(_F, _C, nn.MLP([_EDGE_FEATURES, 16, _F * _C], norm=None)),
}

RELATIONS: Mapping[str, Make] = {
    "RGATConv": lambda nn: nn.RGATConv(_F, _H, _RELATIONS),
    "RGCNConv": lambda nn: nn.RGCNConv(_F, _H, _RELATIONS),
}
"""Of features, edges and a kind of each edge."""

POOLS: Mapping[str, Make] = {
    "MLP": lambda nn: nn.MLP([_F, _H, _C]),
    "global_add_pool": lambda nn: _pooled(nn, nn.global_add_pool),
    "global_max_pool": lambda nn: _pooled(nn, nn.global_max_pool),
    "global_mean_pool": lambda nn: _pooled(nn, nn.global_mean_pool),
}
"""Of features alone."""

DYNAMIC = ("GATConv", "GCNConv", "SAGEConv")
"""Layers that are there again with the edges as an input."""


def names() -> list[str]:
    """Of all models."""
    tables = (LAYERS, NETWORKS, WITH_EDGE_FEATURES, RELATIONS, POOLS)
    kinds = [name for table in tables for name in table] + [f"{name}{_ANY}" for name in DYNAMIC]
    return [f"{_PREFIX}{kind}" for kind in kinds]


def make(name: str) -> Material:
    """One model. Raises what PyTorch Geometric and the exporter raise."""
    import torch
    from torch_geometric import nn

    torch.manual_seed(_SEED)
    rng = np.random.default_rng(_SEED)
    edges, features = _graph(rng), {"features": (_NODES, _FEATURES)}
    kind = name.removeprefix(_PREFIX)
    if kind.endswith(_ANY):
        layer = LAYERS[kind.removesuffix(_ANY)](nn)

        def draw(rng: np.random.Generator) -> Inputs:
            return {"x": rng.standard_normal(features["features"], np.float32), "edge_index": _graph(rng)}

        return exported(layer, draw)
    if kind in WITH_EDGE_FEATURES:
        features["edge_features"] = (_EDGES, _EDGE_FEATURES)
    given = [] if kind in POOLS else [edges]
    if kind in RELATIONS:
        given.append(rng.integers(0, _RELATIONS, _EDGES))
    table = next(each for each in (LAYERS, NETWORKS, WITH_EDGE_FEATURES, RELATIONS, POOLS) if kind in each)
    module = _on_a_graph(table[kind](nn), given)
    return exported(module, lambda rng: {key: rng.standard_normal(size, np.float32) for key, size in features.items()})


def _graph(rng: np.random.Generator) -> Any:
    """Edges int64 [2, edges], from some node to another; no node without one."""
    to = np.concatenate([np.arange(_NODES), rng.integers(0, _NODES, _EDGES - _NODES)])
    return np.stack([(to + rng.integers(1, _NODES, _EDGES)) % _NODES, to])


def _degrees() -> Any:
    """How many nodes of the graph have how many edges."""
    import torch

    return torch.bincount(torch.bincount(torch.from_numpy(_graph(np.random.default_rng(_SEED))[1])))


def _mlp(nn: Any) -> Any:
    return nn.MLP([_F, _H], norm=None)


def _on_a_graph(layer: Any, given: list[Any]) -> Any:
    """A module of features, and edge features where there are some, to which ``given`` belongs."""
    import torch

    class OnGraph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer
            for index, array in enumerate(given):
                self.register_buffer(f"given_{index}", torch.from_numpy(array))

        def forward(self, features: Any, edge_features: Any = None) -> Any:
            known = [self.get_buffer(f"given_{index}") for index in range(len(given))]
            return self.layer(features, *known, *([] if edge_features is None else [edge_features]))

    return OnGraph()


def _with(layer: Any, call: Callable[..., Any]) -> Any:
    """A layer that is called in a way of its own."""
    import torch

    class Called(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, *tensors: Any) -> Any:
            return call(self.layer, *tensors)

    return Called()


def _pooled(nn: Any, pool: Callable[..., Any]) -> Any:
    """Layer and pool of all nodes in four groups."""
    import torch

    def call(layer: Any, features: Any) -> Any:
        return pool(layer(features), torch.arange(_NODES) // 10, 4)

    return _with(_mlp(nn), call)
