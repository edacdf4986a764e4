"""A Llama as an int8 ONNX graph, written node by node.

Linear weights are int8 in blocks of 64 with one scale each (MatMulNBits); attention appends keys and values to one
buffer (GroupQueryAttention, Ainslie et al. 2023). Layers that read the same value are one product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.decoding.llama import EMBEDDINGS, Shape, Weights
from frontdesk.adapters.minilm_graph import Graph

if TYPE_CHECKING:
    import onnx

POSITIONS = 256
"""The longest prompt and reply together, in tokens."""
_OPSET, _BLOCK, _CONTRIB = 20, 64, "com.microsoft"


def quantise(weight: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return int8 codes (offset 128; out × blocks × 64, zero-padded) and one scale per block (out × blocks)."""
    rows, columns = weight.shape
    padded = np.pad(weight, ((0, 0), (0, -columns % _BLOCK))).reshape(rows, -1, _BLOCK)
    scales = np.maximum(np.abs(padded).max(axis=2) / np.float32(127), np.float32(1e-12))
    codes = np.rint(padded / scales[:, :, None]).clip(-127, 127) + 128
    return codes.astype(np.uint8), scales.astype(np.float32)


def build(weights: Weights, shape: Shape) -> onnx.ModelProto:
    """Return the graph of one call: `states` after what the key and value buffers hold -> `logits` of the last tokens.

    Inputs: `states` (batch × tokens × width): the embeddings of the tokens; `ends` (int32, batch): the place of each
    row's last token; `total` (int32): the longest row; `LAYER.k` and `.v` (batch × heads × POSITIONS × size), bound to
    the outputs `LAYER.k.new` and `.v.new` as well. `logits`: batch × 1 × vocabulary.
    """
    from onnx import helper

    graph = _Llama(shape, weights)
    graph.whole()
    body = helper.make_graph(graph.nodes, "llama", graph.inputs, graph.outputs, graph.constants)
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
    return helper.make_model(body, opset_imports=opsets, producer_name="frontdesk", ir_version=10)
    # not checked: onnx's checker knows no SimplifiedLayerNormalization, the runtime does


class _Llama(Graph):
    """Adds the parts of a Llama in the order of computing; hidden states are batch × tokens × width throughout."""

    def __init__(self, shape: Shape, weights: Weights) -> None:
        super().__init__()
        self.shape, self.weights = shape, weights
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def whole(self) -> None:
        """Layers and output layer."""
        from onnx import TensorProto

        state = self._input("states", TensorProto.FLOAT, ["batch", "tokens", self.shape.width])
        self._input("ends", TensorProto.INT32, ["batch"])
        self._input("total", TensorProto.INT32, [])
        self._output("logits", ["batch", 1, self.shape.vocabulary])
        first = self.constant(self.weights["model.layers.0.input_layernorm.weight"])
        hidden = self.op("SimplifiedLayerNormalization", state, first, axis=-1, epsilon=self.shape.epsilon)
        angles = self._angles()
        for layer in range(self.shape.layers):
            hidden, state = self._attention(layer, hidden, state, angles)
            hidden, state = self._feed_forward(layer, hidden, state)
        last = self.op("Gather", hidden, self.ints(-1), axis=1)
        self._linear(last, self.weights[EMBEDDINGS if self.shape.tied else "lm_head.weight"])
        self.nodes[-1].output[0] = "logits"

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

    def _linear(self, value: str, *weights: NDArray[np.float32]) -> str:
        """The products with several weights, side by side."""
        weight = np.concatenate(weights)
        sizes = {"K": weight.shape[1], "N": weight.shape[0], "bits": 8, "block_size": _BLOCK, "accuracy_level": 4}
        names = [self.constant(part) for part in quantise(weight)]
        return str(self.op("MatMulNBits", value, *names, domain=_CONTRIB, **sizes))

    def _product(self, layer: int, value: str, *names: str) -> str:
        return self._linear(value, *(self.weights[f"model.layers.{layer}.{name}.weight"] for name in names))

    def _attention(self, layer: int, hidden: str, state: str, angles: tuple[str, str]) -> tuple[str, str]:
        from onnx import TensorProto

        shape = self.shape
        size = ["batch", shape.kv_heads, POSITIONS, shape.head_size]
        past = [self._input(f"{layer}.{part}", TensorProto.FLOAT, size) for part in "kv"]
        new = [self._output(f"{name}.new", size) for name in past]
        packed = self._product(layer, hidden, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
        mixed = self.op(
            "GroupQueryAttention",
            *(packed, "", "", *past, "ends", "total", *angles),
            outputs=3,
            domain=_CONTRIB,
            num_heads=shape.heads,
            kv_num_heads=shape.kv_heads,
            do_rotary=1,
        )[0]
        self.nodes[-1].output[1:] = new
        after = self.weights[f"model.layers.{layer}.post_attention_layernorm.weight"]
        return self._added(state, self._product(layer, mixed, "self_attn.o_proj"), after)

    def _feed_forward(self, layer: int, hidden: str, state: str) -> tuple[str, str]:
        """SwiGLU (Shazeer 2020)."""
        gate, up = (self._product(layer, hidden, f"mlp.{name}_proj") for name in ("gate", "up"))
        inner = self.op("Mul", self.op("QuickGelu", gate, domain=_CONTRIB, alpha=1.0), up)
        more = layer + 1 < self.shape.layers
        after = self.weights[f"model.layers.{layer + 1}.input_layernorm.weight" if more else "model.norm.weight"]
        return self._added(state, self._product(layer, inner, "mlp.down_proj"), after)

    def _added(self, state: str, change: str, scale: NDArray[np.float32]) -> tuple[str, str]:
        """Return (the normalised sum, the sum)."""
        kind, epsilon = "SkipSimplifiedLayerNormalization", self.shape.epsilon
        names = self.op(kind, state, change, self.constant(scale), outputs=4, domain=_CONTRIB, epsilon=epsilon)
        self.nodes[-1].output[1:3] = ["", ""]  # mean and deviation, which only training wants
        return names[0], names[3]
