"""MiniLM as an int8 ONNX graph, written node by node from the published weights: no torch, the same bytes everywhere.

BERT encoder (Devlin et al. 2018) with mean pooling and L2 normalisation inside the graph. Linear weights are int8 in
blocks of 64 with one scale each (ONNX Runtime's MatMulNBits); activations are quantised per row and block while
computing, so a text's vector does not depend on the texts beside it, as it does with per-tensor dynamic quantisation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

LAYERS, HEADS, WIDTH, POSITIONS, EPSILON = 6, 12, 384, 256, 1e-12
SCHEME = "int8-block64-1"
"""Names the arithmetic; raise the last number when the graph changes, so that caches are made anew."""
SHARED = 4
"""How many of the lowest layers are read once for encoders that have other ones above them."""
SECOND = 2
"""The first kind of token that belongs to the second text of a pair."""
_OPSET, _BLOCK = 20, 64
_MASKED = -10000.0
_SPECIAL = 102
"""The last number of a token that is no word: padding, unknown, beginning and end."""

Weights = Mapping[str, NDArray[np.float32]]
Shape = list[str | int]
_IDS: Mapping[str, Shape] = {"ids": ["batch", "tokens"], "mask": ["batch", "tokens"]}


class Graph:
    """Collects nodes and constants; every method returns the name of the value it adds."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.given: dict[str, Shape] = {}

    def constant(self, value: NDArray[Any]) -> str:
        """Add a constant."""
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def ints(self, *values: int) -> str:
        """Add a constant list of integers, as shapes and axes are given."""
        return self.constant(np.array(values, dtype=np.int64))

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add one operator; returns its output name, or a list of names when `outputs` > 1."""
        from onnx import helper

        names = [f"n{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=names[0], **attributes))
        return names[0] if outputs == 1 else names

    def give(self, name: str, shape: Shape) -> None:
        """Make the last node's value an output of this name."""
        self.nodes[-1].output[0] = name
        self.given[name] = shape

    def norm(self, value: str, weights: Weights, prefix: str) -> str:
        """Add a layer normalisation over the last axis."""
        scale, bias = self.constant(weights[f"{prefix}.weight"]), self.constant(weights[f"{prefix}.bias"])
        return str(self.op("LayerNormalization", value, scale, bias, axis=-1, epsilon=EPSILON))

    def linear(self, value: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """Add `value @ weight.T + bias`, weights as PyTorch stores them (out, in), kept as int8 with scales."""
        packed, scales = quantise(weight)
        sizes = {"K": weight.shape[1], "N": weight.shape[0], "bits": 8, "block_size": _BLOCK, "accuracy_level": 4}
        names = (self.constant(packed), self.constant(scales), "", "", self.constant(bias))
        return str(self.op("MatMulNBits", value, *names, domain="com.microsoft", **sizes))


def quantise(weight: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return int8 codes (offset 128; out × blocks × 64) and one scale per block (out × blocks)."""
    blocks = weight.reshape(weight.shape[0], -1, _BLOCK)
    scales = np.maximum(np.abs(blocks).max(axis=2) / np.float32(127), np.float32(1e-12))
    codes = np.rint(blocks / scales[:, :, None]).clip(-127, 127) + 128
    return codes.astype(np.uint8), scales.astype(np.float32)


def build(weights: Weights) -> onnx.ModelProto:
    """Return the graph: `ids`, `mask` (int64, batch × tokens) -> `views`, `shared` (float32).

    The first half of a view (batch × 768) is the mean of the last layer's states, unit length, the second the highest
    value of each dimension over the words (max pooling); 0 without words. `shared` (batch × tokens × 384) has the
    states of the layer `SHARED`, from which `build_upper` goes on.
    """
    graph = Graph()
    kept, states = _states(graph, weights, LAYERS)
    graph.op("Concat", _pool(graph, states[-1], kept), _peaks(graph, states[-1], kept), axis=1)
    graph.give("views", ["batch", 2 * WIDTH])
    graph.op("Identity", states[SHARED])
    graph.give("shared", ["batch", "tokens", WIDTH])
    return _model(graph)


def build_upper(weights: Weights) -> onnx.ModelProto:
    """Return the graph of the layers above `SHARED`: `shared`, `mask` -> `vector` (float32, batch × 384)."""
    from onnx import TensorProto

    graph = Graph()
    kept, hidden = graph.op("Cast", "mask", to=TensorProto.FLOAT), "shared"
    bias = _attention_bias(graph, kept)
    for layer in range(SHARED, LAYERS):
        hidden = _layer(graph, weights, f"encoder.layer.{layer}", hidden, bias)
    _pool(graph, hidden, kept)
    graph.give("vector", ["batch", WIDTH])
    return _model(graph, {"shared": ["batch", "tokens", WIDTH], "mask": ["batch", "tokens"]})


def build_tokens(weights: Weights, layers: Sequence[int]) -> onnx.ModelProto:
    """Return the graph `ids`, `mask` -> `states` (float32, batch × tokens × 384 · layers): those layers side by side.

    Layer 0 is the embeddings, and no layer above the highest is computed.
    """
    graph = Graph()
    _, states = _states(graph, weights, max(layers))
    graph.op("Concat", *(states[layer] for layer in layers), axis=-1)
    graph.give("states", ["batch", "tokens", WIDTH * len(layers)])
    return _model(graph)


def build_pair(
    weights: Weights, kinds: NDArray[np.float32], head: NDArray[np.float32], bias: NDArray[np.float32]
) -> onnx.ModelProto:
    """Return the graph of a pair scorer: `ids`, `mask`, `kinds` (int64, batch × tokens) -> `score` (float32, batch).

    `kinds` is a table (kinds × 384) of what is added to a token of each kind; tokens of a kind from `SECOND` on are
    those of the second text. The head (1 × 1152) reads first state, mean state and the maximum over the second text.
    """
    from onnx import TensorProto

    graph = Graph()
    kept = graph.op("Cast", "mask", to=TensorProto.FLOAT)
    state = _embed(graph, weights, graph.op("Gather", graph.constant(kinds), "kinds"))
    attention = _attention_bias(graph, kept)
    for layer in range(LAYERS):
        state = _layer(graph, weights, f"encoder.layer.{layer}", state, attention)
    joined = _pair_states(graph, state, kept)
    logit = graph.op("Gemm", joined, graph.constant(head), graph.constant(bias), transB=1)
    graph.op("Squeeze", graph.op("Sigmoid", logit), graph.ints(1))
    graph.give("score", ["batch"])
    return _model(graph, {name: ["batch", "tokens"] for name in ("ids", "mask", "kinds")})


def _pair_states(graph: Graph, state: str, kept: str) -> str:
    """The first state, the mean over both texts and the maximum over the second one, side by side."""
    from onnx import TensorProto

    first = graph.op("Squeeze", graph.op("Gather", state, graph.ints(0), axis=1), graph.ints(1))
    total = graph.op("ReduceSum", kept, graph.ints(1), keepdims=1)
    column = graph.op("Unsqueeze", kept, graph.ints(2))
    mean = graph.op("Div", graph.op("ReduceSum", graph.op("Mul", state, column), graph.ints(1), keepdims=0), total)
    second = graph.op("Cast", graph.op("GreaterOrEqual", "kinds", graph.ints(SECOND)), to=TensorProto.FLOAT)
    lost = graph.op(
        "Unsqueeze", graph.op("Sub", graph.constant(np.array([1.0], dtype=np.float32)), second), graph.ints(2)
    )
    masked = graph.op("Add", state, graph.op("Mul", lost, graph.constant(np.array([_MASKED], dtype=np.float32))))
    most = graph.op("ReduceMax", masked, graph.ints(1), keepdims=0)
    return str(graph.op("Concat", first, mean, most, axis=1))


def _states(graph: Graph, weights: Weights, layers: int) -> tuple[str, list[str]]:
    """The mask as numbers, and the states of the embeddings and of each layer up to one."""
    from onnx import TensorProto

    kept = graph.op("Cast", "mask", to=TensorProto.FLOAT)
    states = [_embed(graph, weights)]
    bias = _attention_bias(graph, kept)
    for layer in range(layers):
        states.append(_layer(graph, weights, f"encoder.layer.{layer}", states[-1], bias))
    return kept, states


def _model(graph: Graph, inputs: Mapping[str, Shape] = _IDS) -> onnx.ModelProto:
    """Close the graph; what it reads are integers, but for states that another graph gives."""
    from onnx import TensorProto, checker, helper

    kinds = {"shared": TensorProto.FLOAT}
    body = helper.make_graph(
        graph.nodes,
        "minilm",
        [
            helper.make_tensor_value_info(name, kinds.get(name, TensorProto.INT64), size)
            for name, size in inputs.items()
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in graph.given.items()],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(body, opset_imports=opsets, producer_name="frontdesk")
    model.ir_version = 10
    checker.check_model(model)
    return model


def _embed(graph: Graph, weights: Weights, further: str = "") -> str:
    """Words + positions + segment 0 + `further`; the word table is kept in half precision (half the file)."""
    from onnx import TensorProto

    table = graph.constant(weights["embeddings.word_embeddings.weight"].astype(np.float16))
    words = graph.op("Cast", graph.op("Gather", table, "ids"), to=TensorProto.FLOAT)
    places = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    tokens = graph.op("Shape", "ids", start=1, end=2)
    here = graph.op("Slice", graph.constant(places[:POSITIONS]), graph.ints(0), tokens, graph.ints(0))
    total = graph.op("Add", words, here)
    return graph.norm(graph.op("Add", total, further) if further else total, weights, "embeddings.LayerNorm")


def _attention_bias(graph: Graph, kept: str) -> str:
    """0 where a token counts, -10000 where it is padding; shape batch × 1 × 1 × tokens."""
    lost = graph.op("Sub", graph.constant(np.array([1.0], dtype=np.float32)), kept)
    scaled = graph.op("Mul", lost, graph.constant(np.array([_MASKED], dtype=np.float32)))
    return str(graph.op("Unsqueeze", scaled, graph.ints(1, 2)))


def _layer(graph: Graph, weights: Weights, name: str, hidden: str, bias: str) -> str:
    attended = _attention(graph, weights, f"{name}.attention.self", hidden, bias)
    out = f"{name}.attention.output"
    mixed = graph.linear(attended, weights[f"{out}.dense.weight"], weights[f"{out}.dense.bias"])
    hidden = graph.norm(graph.op("Add", mixed, hidden), weights, f"{out}.LayerNorm")
    wide = graph.linear(
        hidden, weights[f"{name}.intermediate.dense.weight"], weights[f"{name}.intermediate.dense.bias"]
    )
    narrow = graph.linear(
        graph.op("Gelu", wide), weights[f"{name}.output.dense.weight"], weights[f"{name}.output.dense.bias"]
    )
    return graph.norm(graph.op("Add", narrow, hidden), weights, f"{name}.output.LayerNorm")


def _attention(graph: Graph, weights: Weights, name: str, hidden: str, bias: str) -> str:
    """Self-attention; query, key and value are one product, the query scaled beforehand."""
    scale = np.float32((WIDTH // HEADS) ** -0.5)
    parts = [(weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"]) for part in ("query", "key", "value")]
    parts[0] = (parts[0][0] * scale, parts[0][1] * scale)
    joint = graph.linear(hidden, np.concatenate([w for w, _ in parts]), np.concatenate([b for _, b in parts]))
    split = graph.op("Reshape", joint, graph.ints(0, 0, 3 * HEADS, WIDTH // HEADS))
    heads = graph.op("Transpose", split, perm=[0, 2, 1, 3])
    query, key, value = graph.op("Split", heads, outputs=3, axis=1, num_outputs=3)
    scores = graph.op("Add", graph.op("MatMul", query, graph.op("Transpose", key, perm=[0, 1, 3, 2])), bias)
    mixed = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), value)
    return str(graph.op("Reshape", graph.op("Transpose", mixed, perm=[0, 2, 1, 3]), graph.ints(0, 0, WIDTH)))


def _pool(graph: Graph, hidden: str, kept: str) -> str:
    """The mean over real tokens, scaled to unit length."""
    column = graph.op("Unsqueeze", kept, graph.ints(2))
    total = graph.op("ReduceSum", graph.op("Mul", hidden, column), graph.ints(1), keepdims=0)
    return str(graph.op("LpNormalization", total, axis=-1, p=2))


def _peaks(graph: Graph, hidden: str, kept: str) -> str:
    """The highest value of each dimension over the words; 0 without words."""
    from onnx import TensorProto

    words = graph.op(
        "Mul", graph.op("Cast", graph.op("Greater", "ids", graph.ints(_SPECIAL)), to=TensorProto.FLOAT), kept
    )
    others = graph.op("Sub", words, graph.constant(np.array([1.0], dtype=np.float32)))
    lower = graph.op("Mul", others, graph.constant(np.array([-_MASKED], dtype=np.float32)))
    masked = graph.op("Add", hidden, graph.op("Unsqueeze", lower, graph.ints(2)))
    found = graph.op("ReduceMax", words, graph.ints(1), keepdims=1)
    return str(graph.op("Mul", graph.op("ReduceMax", masked, graph.ints(1), keepdims=0), found))
