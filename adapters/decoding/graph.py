"""A Llama as an int8 ONNX graph, written node by node, with the LoRA factors of a voice among its inputs.

Linear weights are int8 in blocks of 64 with one scale each (MatMulNBits); attention appends keys and values to one
buffer (GroupQueryAttention, Ainslie et al. 2023). LoRA (Hu et al. 2021) is `y = W x + B (A x)`, A and B
being inputs, so that a voice is what is bound to them; layers that read the same value share one product with their A.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.decoding.llama import Shape, Weights
from frontdesk.adapters.minilm_graph import Graph

if TYPE_CHECKING:
    import onnx

SCHEME = "llama-int8-block64-2"
"""Names the arithmetic; raise the last number when the graph changes, so that caches are made anew."""
POSITIONS = 256
"""The longest prompt and reply together, in tokens."""
PRODUCTS = {
    "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "out": ("self_attn.o_proj",),
    "gate_up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
}
"""What reads the same value: product -> linear layers."""
_OPSET, _BLOCK, _CONTRIB = 20, 64, "com.microsoft"


def quantise(weight: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return int8 codes (offset 128; out × blocks × 64, zero-padded) and one scale per block (out × blocks)."""
    rows, columns = weight.shape
    padded = np.pad(weight, ((0, 0), (0, -columns % _BLOCK))).reshape(rows, -1, _BLOCK)
    scales = np.maximum(np.abs(padded).max(axis=2) / np.float32(127), np.float32(1e-12))
    codes = np.rint(padded / scales[:, :, None]).clip(-127, 127) + 128
    return codes.astype(np.uint8), scales.astype(np.float32)


def build(weights: Weights, shape: Shape, properties: dict[str, str]) -> onnx.ModelProto:
    """Return the graph of one call: `ids` (batch × tokens) after what the key and value buffers hold -> `logits`.

    Inputs: `ids`; `ends` (int32, batch): the place of each row's last token; `total` (int32): the longest row; `rows`:
    which of the batch × tokens positions get logits; `LAYER.PRODUCT.a` (in × the ranks of its layers, all equal)
    and `LAYER.NAME.b` (rank × out); `LAYER.k` and `.v` (batch × heads × POSITIONS × size), bound to the outputs
    `LAYER.k.new` and `.v.new` as well.
    """
    from onnx import helper

    graph = _Llama(shape, weights)
    graph.whole()
    body = helper.make_graph(graph.nodes, "llama", graph.inputs, graph.outputs, graph.constants)
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
    model = helper.make_model(body, opset_imports=opsets, producer_name="frontdesk", ir_version=10)
    helper.set_model_props(model, properties)
    return model  # not checked: onnx's checker knows no SimplifiedLayerNormalization, the runtime does


class _Llama(Graph):
    """Adds the parts of a Llama in the order of computing; hidden states are (batch × tokens) × width throughout."""

    def __init__(self, shape: Shape, weights: Weights) -> None:
        super().__init__()
        self.shape, self.weights = shape, weights
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def whole(self) -> None:
        """Word table, layers, output layer."""
        from onnx import TensorProto

        self._declare()
        words = self.weights["model.embed_tokens.weight"]
        flat = self.op("Reshape", "ids", self.ints(-1))
        state = self.op("Cast", self.op("Gather", self.constant(words.astype(np.float16)), flat), to=TensorProto.FLOAT)
        first = self.constant(self.weights["model.layers.0.input_layernorm.weight"])
        hidden = self.op("SimplifiedLayerNormalization", state, first, axis=-1, epsilon=self.shape.epsilon)
        batch = self.op("Concat", self.op("Shape", "ids"), self.ints(-1), axis=0)
        angles = self._angles()
        for layer in range(self.shape.layers):
            hidden, state = self._attention(layer, hidden, state, batch, angles)
            hidden, state = self._feed_forward(layer, hidden, state)
        self._linear(hidden, words if self.shape.tied else self.weights["lm_head.weight"])
        self.nodes[-1].output[0] = "logits"

    def _declare(self) -> None:
        from onnx import TensorProto

        self._input("ids", TensorProto.INT64, ["batch", "tokens"])
        self._input("ends", TensorProto.INT32, ["batch"])
        self._input("total", TensorProto.INT32, [])
        self._input("rows", TensorProto.INT64, ["rows"])
        self._output("logits", ["rows", self.shape.vocabulary])

    def _input(self, name: str, kind: int, size: list[Any]) -> str:
        from onnx import helper

        self.inputs.append(helper.make_tensor_value_info(name, kind, size))
        return name

    def _output(self, name: str, size: list[Any]) -> str:
        from onnx import TensorProto, helper

        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, size))
        return name

    def _angles(self) -> tuple[str, str]:
        """Cosines and sines of the rotary angles, POSITIONS × half a head (Su et al. 2021)."""
        speeds = self.shape.theta ** -(np.arange(0, self.shape.head_size, 2) / self.shape.head_size)
        angles = np.outer(np.arange(POSITIONS), speeds)
        return self.constant(np.cos(angles).astype(np.float32)), self.constant(np.sin(angles).astype(np.float32))

    def _linear(self, value: str, weight: NDArray[np.float32]) -> str:
        codes, scales = quantise(weight)
        sizes = {"K": weight.shape[1], "N": weight.shape[0], "bits": 8, "block_size": _BLOCK, "accuracy_level": 4}
        names = (self.constant(codes), self.constant(scales))
        return str(self.op("MatMulNBits", value, *names, domain=_CONTRIB, **sizes))

    def _product(self, layer: int, name: str, value: str) -> list[str]:
        """Each linear layer of a product with what the voice adds; the voice reads the value once for all of them."""
        from onnx import TensorProto

        parts, ranks = PRODUCTS[name], f"ranks.{layer}.{name}"
        width = self.weights[f"model.layers.{layer}.{parts[0]}.weight"].shape[1]
        read = self.op("MatMul", value, self._input(f"{layer}.{name}.a", TensorProto.FLOAT, [width, ranks]))
        each = self.op("Split", read, outputs=len(parts), axis=1, num_outputs=len(parts)) if len(parts) > 1 else [read]
        return [self._adapted(f"{layer}.{part}", value, own) for part, own in zip(parts, each, strict=True)]

    def _adapted(self, name: str, value: str, read: str) -> str:
        from onnx import TensorProto

        weight = self.weights[f"model.layers.{name}.weight"]
        up = self._input(f"{name}.b", TensorProto.FLOAT, [f"rank.{name}", weight.shape[0]])
        return str(self.op("Gemm", read, up, self._linear(value, weight)))

    def _attention(self, layer: int, hidden: str, state: str, batch: str, angles: tuple[str, str]) -> tuple[str, str]:
        from onnx import TensorProto

        shape = self.shape
        size = ["batch", shape.kv_heads, POSITIONS, shape.head_size]
        past = [self._input(f"{layer}.{part}", TensorProto.FLOAT, size) for part in "kv"]
        new = [self._output(f"{name}.new", size) for name in past]
        rows = [self.op("Reshape", part, batch) for part in self._product(layer, "qkv", hidden)]
        mixed = self.op(
            "GroupQueryAttention",
            *(*rows, *past, "ends", "total", *angles),
            outputs=3,
            domain=_CONTRIB,
            num_heads=shape.heads,
            kv_num_heads=shape.kv_heads,
            do_rotary=1,
        )[0]
        self.nodes[-1].output[1:] = new
        flat = self.op("Reshape", mixed, self.ints(-1, shape.heads * shape.head_size))
        after = self.weights[f"model.layers.{layer}.post_attention_layernorm.weight"]
        return self._added(state, self._product(layer, "out", flat)[0], after)

    def _feed_forward(self, layer: int, hidden: str, state: str) -> tuple[str, str]:
        """SwiGLU (Shazeer 2020); after the last layer only the asked positions go on."""
        gate, up = self._product(layer, "gate_up", hidden)
        inner = self.op("Mul", self.op("QuickGelu", gate, domain=_CONTRIB, alpha=1.0), up)
        change = self._product(layer, "down", inner)[0]
        if layer + 1 < self.shape.layers:
            return self._added(state, change, self.weights[f"model.layers.{layer + 1}.input_layernorm.weight"])
        state, change = (str(self.op("Gather", value, "rows", axis=0)) for value in (state, change))
        return self._added(state, change, self.weights["model.norm.weight"])

    def _added(self, state: str, change: str, scale: NDArray[np.float32]) -> tuple[str, str]:
        """Return (the normalised sum, the sum)."""
        kind, epsilon = "SkipSimplifiedLayerNormalization", self.shape.epsilon
        names = self.op(kind, state, change, self.constant(scale), outputs=4, domain=_CONTRIB, epsilon=epsilon)
        self.nodes[-1].output[1:3] = ["", ""]  # mean and deviation, which only training wants
        return names[0], names[3]
