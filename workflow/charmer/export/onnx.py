"""ONNX: the network as a graph for onnxruntime, with the cache of keys and values as inputs and outputs.

Notable here:
- The graph is written node by node, in operators that every runtime has (opset 17), and can be read beside
  `charmer.model.network`. The same weights give the same bytes, whichever version of PyTorch is installed.
- Names and shapes are those that Optimum and transformers.js expect of a decoder: `input_ids`, `attention_mask`,
  `position_ids`, `past_key_values.N.key`, and out of it `logits` and `present.N.key`. The files of the Hugging Face
  export lie beside it, tokenizer included.

Shapes: B rows, T new tokens, P cached ones, S = P + T, G key/value heads, R query heads for each, D the size of a head.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from charmer.common.failure import Failure
from charmer.common.files import replacing
from charmer.export import hf
from charmer.model import folder
from charmer.model.network import ModelConfig, Transformer

try:
    from onnx import ModelProto, TensorProto, helper, numpy_helper
except ImportError as error:
    raise Failure("ONNX needs the package onnx; install it with: pip install onnx") from error

TYPES = ("F32",)
OPSET = 17
IR_VERSION = 8  # of the file's format: the one that came with this opset
LARGEST = 2**31 - 1  # bytes of a protobuf message
HIDDEN_SCORE = -1e30  # not -inf: a padded query sees no key at all, and its row would become NaN


def write(model: Path, out: Path, number_type: str = "F32") -> list[Path]:
    """Write `out`, or model.onnx in the folder `out` where that does not end in .onnx, and the files that belong to it.

    Raises:
        Failure: a file of the model is missing or damaged, the model is too large for the format, or `out` cannot be
            written.
    """
    network, tokenizer = folder.load(model)
    file = out if out.suffix == ".onnx" else out / "model.onnx"
    size = 4 * sum(weight.numel() for weight in network.parameters())
    if size > LARGEST:
        raise Failure(f"ONNX: a file holds 2 GiB at most, and this model has {size / 2**30:.1f} GiB; export to gguf")
    with replacing(file) as temporary:
        temporary.write_bytes(graph(network).SerializeToString(deterministic=True))
    return [file, *hf.describe(model, file.parent, tokenizer, network.config.context_length)]


def graph(network: Transformer) -> ModelProto:
    """The network as an ONNX model.

    Inputs: input_ids [B, T], attention_mask [B, S] (1: a token, 0: padding) and position_ids [B, T], int64; for each
    layer N past_key_values.N.key and .value [B, G, P, D], float32, where P may be 0.
    Outputs: logits [B, T, V]; for each layer present.N.key and .value [B, G, S, D].
    """
    config = network.config
    nodes = _Nodes()
    weights = {name: tensor.detach().float().cpu().numpy() for name, tensor in network.state_dict().items()}
    embedding = nodes.constant(weights.pop("embed_tokens.weight"), "embed_tokens.weight")
    x = nodes.add("Gather", embedding, "input_ids")
    angles, visible = _angles(nodes, config), _visible(nodes)
    caches = []
    for layer in range(config.layers):
        prefix = f"layers.{layer}."
        block = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
        normalised = _normalised(nodes, x, block["input_layernorm.weight"], config)
        x = nodes.add("Add", x, _attention(nodes, normalised, block, config, layer, angles, visible))
        normalised = _normalised(nodes, x, block["post_attention_layernorm.weight"], config)
        x = nodes.add("Add", x, _feed_forward(nodes, normalised, block))
        caches += [(f"{layer}.{part}", [None, config.kv_heads, None, config.head_size]) for part in ("key", "value")]
    x = _normalised(nodes, x, weights["norm.weight"], config)
    nodes.add("MatMul", x, nodes.add("Transpose", embedding, perm=[1, 0]), output="logits")

    def cache(prefix: str, name: str, shape: list[int | None], length: str) -> Any:
        dimensions = ["batch", shape[1], length, shape[3]]
        return helper.make_tensor_value_info(f"{prefix}.{name}", TensorProto.FLOAT, dimensions)

    def integers(name: str, length: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", length])

    inputs = [integers("input_ids", "tokens"), integers("attention_mask", "all"), integers("position_ids", "tokens")]
    inputs += [cache("past_key_values", *entry, "past") for entry in caches]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "tokens", config.vocab_size])
    outputs = [logits, *(cache("present", *entry, "all") for entry in caches)]
    made = helper.make_graph(nodes.nodes, "charmer", inputs, outputs, nodes.constants)
    opset = [helper.make_operatorsetid("", OPSET)]
    return helper.make_model(made, opset_imports=opset, ir_version=IR_VERSION, producer_name="charmer")


class _Nodes:
    """The nodes and constants of a graph in the making; each is known by the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """One more node; gives the name of its output."""
        output = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, value: Any, name: str = "") -> str:
        """One more constant: whole numbers become int64, all others float32."""
        array = np.asarray(value)
        array = array.astype(np.int64 if array.dtype.kind == "i" else np.float32)
        name = name or f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def shaped(self, x: str, *shape: int) -> str:
        """`x` in another shape; 0 keeps a dimension."""
        return self.add("Reshape", x, self.constant(shape))


def _normalised(nodes: _Nodes, x: str, gain: np.ndarray, config: ModelConfig) -> str:
    square = nodes.add("ReduceMean", nodes.add("Mul", x, x), axes=[-1], keepdims=1)
    root = nodes.add("Sqrt", nodes.add("Add", square, nodes.constant(config.norm_epsilon)))
    return nodes.add("Mul", nodes.add("Div", x, root), nodes.constant(gain))


def _linear(nodes: _Nodes, x: str, block: dict[str, np.ndarray], name: str) -> str:
    return nodes.add("MatMul", x, nodes.constant(block[f"{name}.weight"].T))


def _angles(nodes: _Nodes, config: ModelConfig) -> tuple[str, str]:
    """Cosines and sines [B, 1, 1, T, D/2] for `position_ids`; the frequencies are PyTorch's, to the last bit."""
    exponents = torch.arange(0, config.head_size, 2, dtype=torch.float32) / config.head_size
    frequencies = nodes.constant((config.rope_theta**-exponents).numpy())
    places = nodes.add("Cast", "position_ids", to=TensorProto.FLOAT)
    angles = nodes.add("Mul", nodes.add("Unsqueeze", places, nodes.constant([1, 2, 4])), frequencies)
    return nodes.add("Cos", angles), nodes.add("Sin", angles)


def _visible(nodes: _Nodes) -> str:
    """Which query sees which key, booleans [B, 1, 1, T, S]: no padding, and nothing behind itself."""
    zero, one, column = (nodes.constant(value) for value in (0, 1, [1]))
    new = nodes.add("Squeeze", nodes.add("Shape", "input_ids", start=1), column_axis := nodes.constant([0]))
    every = nodes.add("Squeeze", nodes.add("Shape", "attention_mask", start=1), column_axis)
    queries = nodes.add("Range", nodes.add("Sub", every, new), every, one)
    keys = nodes.add("Range", zero, every, one)
    causal = nodes.add("LessOrEqual", keys, nodes.add("Unsqueeze", queries, column))
    tokens = nodes.add("Cast", "attention_mask", to=TensorProto.BOOL)
    return nodes.add("And", causal, nodes.add("Unsqueeze", tokens, nodes.constant([1, 2, 3])))


def _attention(
    nodes: _Nodes,
    x: str,
    block: dict[str, np.ndarray],
    config: ModelConfig,
    layer: int,
    angles: tuple[str, str],
    visible: str,
) -> str:
    """[B, T, C] -> [B, T, C]; names the layer's part of the cache on the way."""
    size, groups = config.head_size, config.kv_heads

    def heads(part: str, shared: int) -> str:
        """Queries [B, G, R, T, D], keys or values [B, G, 1, T, D]."""
        split = nodes.shaped(_linear(nodes, x, block, f"self_attn.{part}_proj"), 0, 0, groups, shared, size)
        if part != "v":
            split = _normalised(nodes, split, block[f"self_attn.{part}_norm.weight"], config)
        split = nodes.add("Transpose", split, perm=[0, 2, 3, 1, 4])
        return split if part == "v" else _rotated(nodes, split, angles, size)

    def extended(part: str, new: str) -> str:
        """All keys or values [B, G, 1, S, D], the cached ones before the new."""
        axis = nodes.constant([2])
        past, flat = f"past_key_values.{layer}.{part}", nodes.add("Squeeze", new, axis)
        whole = nodes.add("Concat", past, flat, axis=2, output=f"present.{layer}.{part}")
        return nodes.add("Unsqueeze", whole, axis)

    queries = nodes.add("Mul", heads("q", config.heads // groups), nodes.constant(size**-0.5))
    keys, values = extended("key", heads("k", 1)), extended("value", heads("v", 1))
    scores = nodes.add("MatMul", queries, nodes.add("Transpose", keys, perm=[0, 1, 2, 4, 3]))
    scores = nodes.add("Where", visible, scores, nodes.constant(HIDDEN_SCORE))
    seen = nodes.add("MatMul", nodes.add("Softmax", scores, axis=-1), values)
    seen = nodes.add("Transpose", seen, perm=[0, 3, 1, 2, 4])
    return _linear(nodes, nodes.shaped(seen, 0, 0, config.heads * size), block, "self_attn.o_proj")


def _rotated(nodes: _Nodes, x: str, angles: tuple[str, str], size: int) -> str:
    """Turn each pair (x[i], x[i + D/2]) by its angle."""
    axis, begin, half, end = (nodes.constant([value]) for value in (-1, 0, size // 2, size))
    first, second = nodes.add("Slice", x, begin, half, axis), nodes.add("Slice", x, half, end, axis)
    cosines, sines = angles
    left = nodes.add("Sub", nodes.add("Mul", first, cosines), nodes.add("Mul", second, sines))
    right = nodes.add("Add", nodes.add("Mul", second, cosines), nodes.add("Mul", first, sines))
    return nodes.add("Concat", left, right, axis=-1)


def _feed_forward(nodes: _Nodes, x: str, block: dict[str, np.ndarray]) -> str:
    gate = _linear(nodes, x, block, "mlp.gate_proj")
    active = nodes.add("Mul", gate, nodes.add("Sigmoid", gate))
    return _linear(nodes, nodes.add("Mul", active, _linear(nodes, x, block, "mlp.up_proj")), block, "mlp.down_proj")
