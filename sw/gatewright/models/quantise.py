"""Post-training quantisation of the trained model to int8, calibrated on real titles and real users.

Every linear layer is quantised by search: how far the input's large columns move into the weights (the exponent alpha
of G. Xiao et al., "SmoothQuant", 2023) and where the input's range is cut are chosen so that the layer's output on
the calibration inputs has the least squared error. Weights are symmetric with a scale per output channel.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from gatewright.cache import cached_directory, digest
from gatewright.models.lightgcn import LightGCN, graph_weights
from gatewright.models.reference import HybridReference
from gatewright.models.text import MAX_TOKENS, TextEncoder, item_texts, load_text_encoder, model_directory
from gatewright.models.train import TrainedHybrid, code_version
from gatewright.models.train_fusion import history_tokens, profile_texts
from gatewright.recommender.host_ops import INT8_MAX, quantise
from gatewright.recommender.quantised import (
    FORMAT_VERSION,
    Catalogue,
    LayerNorm,
    QuantisedAttention,
    QuantisedEncoder,
    QuantisedEncoderLayer,
    QuantisedFusion,
    QuantisedGraph,
    QuantisedHybrid,
    QuantisedLinear,
)
from gatewright.spec.csr import CsrMatrix
from gatewright.spec.fixed import Requantise
from gatewright.spec.softmax import score_requantise

__all__ = ["CalibrationOptions", "quantise_hybrid", "quantise_linear", "quantise_or_load"]

ALPHAS = (0.0, 0.25, 0.5, 0.65, 0.8)
CUTS = (1.0, 0.85, 0.7, 0.5)
HEADROOM = 1.02  # of an accelerator output's range over the largest calibration value


@dataclass(frozen=True)
class CalibrationOptions:
    """How many real inputs the ranges are taken from."""

    titles: int = 256
    users: int = 256
    rows: int = 1536  # most input rows of one layer's search
    seed: int = 0


def quantise_or_load(
    trained: TrainedHybrid,
    options: CalibrationOptions | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> QuantisedHybrid:
    """The quantised form of a trained model, made on first use and then kept in the cache."""
    options = options or CalibrationOptions()
    key = digest(trained.key, repr(options), code_version("quantise"), str(FORMAT_VERSION))
    folder = cached_directory(
        "quantised", key, lambda path: quantise_hybrid(trained, options, progress).save(path / "model.npz")
    )
    return QuantisedHybrid.load(folder / "model.npz")


def quantise_hybrid(
    trained: TrainedHybrid,
    options: CalibrationOptions,
    progress: Callable[[str, int, int], None] | None = None,
) -> QuantisedHybrid:
    """Quantise encoder, graph and fusion of a trained model."""
    data, rng = trained.data, np.random.default_rng(options.seed)
    encoder, reference = load_text_encoder(), trained.reference()
    texts = [*item_texts(data), *profile_texts(data)]
    sample = [texts[index] for index in rng.choice(len(texts), min(options.titles, len(texts)), replace=False)]
    users = rng.choice(data.n_users, min(options.users, data.n_users), replace=False)
    return QuantisedHybrid(
        key=trained.key,
        catalogue=Catalogue(data.user_ids, data.movie_ids, data.titles, data.genres),
        encoder=_quantise_encoder(encoder, sample, options, rng, progress),
        graph=_quantise_graph(trained),
        fusion=_quantise_fusion(trained, reference, encoder, users, options, rng),
    )


# ---- linear layers


def quantise_linear(layer: nn.Linear, inputs: np.ndarray, output_scale: np.ndarray | None = None) -> QuantisedLinear:
    """Quantise a layer whose input the host quantises.

    ``inputs`` is float32 [rows, k], real inputs. With ``output_scale`` (float [n], one unit of each output column) the
    output is int8, else int32.
    """
    return _fixed_linear(layer, _input_scale(layer.weight.detach().numpy(), inputs), output_scale)


def _input_scale(weight: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """float32 [k], the units of the input columns that cost a weight matrix [n, k] the least error.

    Ranges come from one half of the inputs and errors from the other, so that rare large values are not fitted; the
    best setting then takes its ranges from all of them.
    """
    seen, unseen = inputs[::2], inputs[1::2]
    target = unseen @ weight.T
    best, chosen = np.inf, (0.0, 1.0)
    for alpha in ALPHAS:
        for cut in CUTS:
            scale = _smoothed(weight, seen, alpha, cut)
            integers, unit = _quantise_rows(weight * scale)
            error = np.square((quantise(unseen, scale).astype(np.float32) @ integers.T) * unit - target).mean()
            if error < best:
                best, chosen = error, (alpha, cut)
    return _smoothed(weight, inputs, *chosen)


def _smoothed(weight: np.ndarray, inputs: np.ndarray, alpha: float, cut: float) -> np.ndarray:
    """Units in proportion to ``input range ** alpha / weight range ** (1 - alpha)``; all the same where alpha is 0."""
    columns = np.maximum(np.abs(inputs).max(0), 1e-6)
    weights = np.maximum(np.abs(weight).max(0), 1e-6)
    shape = columns**alpha / weights ** (1 - alpha) if alpha else np.ones_like(columns)
    return (shape * ((columns / shape).max() * cut / INT8_MAX)).astype(np.float32)


def _fixed_linear(layer: nn.Linear, input_scale: np.ndarray, output_scale: np.ndarray | None = None) -> QuantisedLinear:
    """Quantise a layer whose input units (float [k]) are given."""
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    integers, scale = _quantise_rows(weight * input_scale)
    parts = [] if output_scale is None else [Requantise.from_scale(float(x)) for x in scale / output_scale]
    return QuantisedLinear(
        weight=integers.astype(np.int8),
        bias=np.clip(np.rint(bias / scale), -(2**31) + 1, 2**31 - 1).astype(np.int32),
        input_scale=np.asarray(input_scale, np.float32),
        scale=scale.astype(np.float32),
        multiplier=np.array([part.multiplier for part in parts], np.uint16),
        shift=np.array([part.shift for part in parts], np.uint8),
    )


def _quantise_rows(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integer-valued float32 [n, k] within +-127 and the unit of each row, float [n]."""
    unit = np.maximum(np.abs(weight).max(1), 1e-12) / INT8_MAX
    return np.rint(weight / unit[:, None]).astype(np.float32), unit


def _quantise_attention(
    layers: tuple[nn.Linear, nn.Linear, nn.Linear, nn.Linear],
    heads: int,
    inputs: tuple[np.ndarray, np.ndarray],
    mixed: np.ndarray,
) -> QuantisedAttention:
    """Quantise query, key, value and output projection.

    ``inputs`` are the real inputs of query and of key and value; ``mixed`` [rows, width] is the attention's real
    output.

    Columns of Q and K share a range: what one is divided by the other is multiplied with, so that the product is
    untouched. Key and value read one quantised input. V keeps a unit per column, which passes through the weighted
    mean into the output projection's weights.
    """
    query, key, value, out = layers
    with torch.inference_mode():
        q, k, v = (
            layer(torch.from_numpy(x)).abs().amax(0).numpy().clip(1e-6)
            for layer, x in ((query, inputs[0]), (key, inputs[1]), (value, inputs[1]))
        )
    share = np.sqrt(q / k)
    unit = HEADROOM * np.sqrt(q * k).max() / INT8_MAX
    value_scale = HEADROOM * v / INT8_MAX
    token_scale = _input_scale(torch.cat([key.weight, value.weight]).detach().numpy(), inputs[1])
    gain = INT8_MAX / (HEADROOM * (np.abs(mixed).max(0) / value_scale).max())
    return QuantisedAttention(
        heads=heads,
        query=quantise_linear(query, inputs[0], unit * share),
        key=_fixed_linear(key, token_scale, unit / share),
        value=_fixed_linear(value, token_scale, value_scale),
        out=_fixed_linear(out, value_scale / gain),
        score=score_requantise(unit, unit, len(q) // heads),
        mix=Requantise.from_scale(gain),
    )


# ---- encoder


class _Taps:
    """Real inputs of linear layers, gathered by forward hooks while texts are encoded."""

    def __init__(self, layers: list[nn.Linear], rows: int, rng: np.random.Generator) -> None:
        self.rows, self.rng = rows, rng
        self.seen: dict[nn.Linear, list[torch.Tensor]] = {layer: [] for layer in layers}
        self.hooks = [layer.register_forward_pre_hook(self._keep) for layer in layers]

    def _keep(self, layer: nn.Linear, inputs: tuple[torch.Tensor, ...]) -> None:
        self.seen[layer].append(inputs[0].flatten(0, -2).clone())

    def close(self) -> None:
        for hook in self.hooks:
            hook.remove()

    def of(self, layer: nn.Linear) -> np.ndarray:
        inputs = torch.cat(self.seen[layer]).numpy()
        return inputs[self.rng.permutation(len(inputs))[: self.rows]]


def _quantise_encoder(
    encoder: TextEncoder,
    texts: list[str],
    options: CalibrationOptions,
    rng: np.random.Generator,
    progress: Callable[[str, int, int], None] | None,
) -> QuantisedEncoder:
    bert = encoder.bert
    blocks = list(bert.encoder.layer)
    watched = [
        layer
        for block in blocks
        for layer in (
            block.attention.self.query,
            block.attention.output.dense,
            block.intermediate.dense,
            block.output.dense,
        )
    ]
    taps = _Taps(watched, options.rows, rng)
    try:
        for text in texts:  # one at a time: padding would be calibrated on too
            encoder.encode([text])
    finally:
        taps.close()
    layers = []
    for index, block in enumerate(blocks):
        inner = block.attention.self
        x = taps.of(inner.query)
        layers.append(
            QuantisedEncoderLayer(
                attention=_quantise_attention(
                    (inner.query, inner.key, inner.value, block.attention.output.dense),
                    bert.config.num_attention_heads,
                    (x, x),
                    taps.of(block.attention.output.dense),
                ),
                attention_norm=_norm(block.attention.output.LayerNorm),
                inner=quantise_linear(block.intermediate.dense, taps.of(block.intermediate.dense)),
                outer=quantise_linear(block.output.dense, taps.of(block.output.dense)),
                norm=_norm(block.output.LayerNorm),
            )
        )
        if progress:
            progress("quantising MiniLM", index + 1, len(blocks))
    table = bert.embeddings
    positions = table.position_embeddings.weight[:MAX_TOKENS] + table.token_type_embeddings.weight[0]
    return QuantisedEncoder(
        tokenizer=(model_directory() / "tokenizer.json").read_text(encoding="utf-8"),
        max_tokens=MAX_TOKENS,
        words=table.word_embeddings.weight.detach().numpy().astype(np.float16),
        positions=positions.detach().numpy(),
        norm=_norm(table.LayerNorm),
        layers=tuple(layers),
    )


def _norm(layer: nn.LayerNorm) -> LayerNorm:
    return LayerNorm(layer.weight.detach().numpy(), layer.bias.detach().numpy(), layer.eps)


# ---- graph


def _quantise_graph(trained: TrainedHybrid) -> QuantisedGraph:
    data, gcn = trained.data, trained.gcn
    to_users, to_items = LightGCN.adjacency(data)
    with torch.inference_mode():
        user, item = gcn.user.detach(), gcn.item.detach()
        item_first, user_first = to_items @ user, to_users @ item
        user_second = to_users @ item_first
    scales = {
        name: HEADROOM * float(x.abs().max()) / INT8_MAX
        for name, x in (
            ("user_scale", user),
            ("item_scale", item),
            ("item_first_scale", item_first),
            ("user_first_scale", user_first),
            ("user_second_scale", user_second),
        )
    }
    weights = graph_weights(data)
    return QuantisedGraph(
        user=quantise(user.numpy(), np.float32(scales["user_scale"])),
        item=quantise(item.numpy(), np.float32(scales["item_scale"])),
        item_first=quantise(item_first.numpy(), np.float32(scales["item_first_scale"])),
        **scales,
        by_user=CsrMatrix.from_coo(data.users, data.items, weights, data.n_users, data.n_items),
        by_item=CsrMatrix.from_coo(data.items, data.users, weights, data.n_items, data.n_users),
        half_stars=data.half_stars.astype(np.uint8),
    )


# ---- fusion


def _quantise_fusion(
    trained: TrainedHybrid,
    reference: HybridReference,
    encoder: TextEncoder,
    users: np.ndarray,
    options: CalibrationOptions,
    rng: np.random.Generator,
) -> QuantisedFusion:
    """Half of the users ask with their profile, half with the text of a random movie."""
    data, fusion = trained.data, trained.fusion
    texts = encoder.encode([reference.query_text(user) for user in users])
    texts[::2] = trained.text[rng.choice(data.n_items, len(texts[::2]))]
    items, stars, mask = history_tokens(data, users, data.user_ptr[users + 1], fusion.options.history)
    taps = _Taps([fusion.question, fusion.query, fusion.key, fusion.out, fusion.inner, fusion.outer], options.rows, rng)
    try:
        with torch.inference_mode():
            tokens = fusion.tokens(reference.table[items], stars)
            vectors = fusion(reference.user_graph[users], torch.from_numpy(texts), tokens, mask).numpy()
    finally:
        taps.close()
    history = tokens[mask].numpy()
    history = history[rng.permutation(len(history))[: options.rows]]
    table, item_scale, column_scale = _quantise_table(reference.table.numpy(), vectors)
    return QuantisedFusion(
        question=quantise_linear(fusion.question, taps.of(fusion.question)),
        attention=_quantise_attention(
            (fusion.query, fusion.key, fusion.value, fusion.out),
            fusion.options.heads,
            (taps.of(fusion.query), history),
            taps.of(fusion.out),
        ),
        norm=_norm(fusion.norm),
        inner=quantise_linear(fusion.inner, taps.of(fusion.inner)),
        outer=quantise_linear(fusion.outer, taps.of(fusion.outer)),
        positions=fusion.position.detach().numpy(),
        stars=fusion.stars.detach().numpy(),
        table=table,
        item_scale=item_scale,
        column_scale=column_scale,
    )


def _quantise_table(table: np.ndarray, users: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """int8 item vectors, a scale per item and one per column, the latter so that real users' scores err least."""
    size = np.maximum(np.abs(table).max(0), 1e-6)
    target = users @ table.T
    best, found = np.inf, (table, size, size)
    for alpha in ALPHAS:
        column = (size / size.max()) ** alpha
        integers, unit = _quantise_rows(table / column)
        error = np.square((users * column) @ (integers * unit[:, None]).T - target).mean()
        if error < best:
            best, found = error, (integers.astype(np.int8), unit.astype(np.float32), column.astype(np.float32))
    return found
