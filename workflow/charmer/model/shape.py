"""The sizes of a network as a `config.json` says them, read without loading PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from charmer.common.failure import Failure
from charmer.common.files import read_json

WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
FIELDS = {
    "vocab_size": "vocab_size",
    "layers": "num_hidden_layers",
    "width": "hidden_size",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "hidden": "intermediate_size",
    "context_length": "max_position_embeddings",
    "rope_theta": "rope_theta",
    "norm_epsilon": "rms_norm_eps",
}
REAL = ("rope_theta", "norm_epsilon")  # all others are whole numbers
# What this network is, beside its sizes; a field that is absent means the same to `transformers`, but for the two that
# `read_shape` asks for.
FIXED = {
    "hidden_act": "silu",
    "attention_bias": False,
    "tie_word_embeddings": True,
    "rope_scaling": None,
    "use_sliding_window": False,
}


def read_shape(path: Path) -> dict[str, Any]:
    """The sizes in a `config.json`, by Charmer's names: the keys of FIELDS.

    Raises:
        Failure: a field is missing, has the wrong type, or describes a network that is not ours; the message names it.
    """
    fields = read_json(path)
    if not isinstance(fields, dict) or fields.get("model_type") != "qwen3":
        raise Failure(f"{path}: describes no Qwen3 model; name a folder that Charmer wrote")
    missing = sorted({*FIELDS.values(), "head_dim", "tie_word_embeddings"} - set(fields))
    if missing:
        raise Failure(f"{path}: lacks {', '.join(missing)}; name a folder that Charmer wrote")
    shape = {ours: fields[theirs] for ours, theirs in FIELDS.items()}
    for ours, value in shape.items():
        kinds = (int, float) if ours in REAL else (int,)
        if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < float("inf"):
            raise Failure(
                f"{path}: {FIELDS[ours]} is {value!r}, not a {'' if ours in REAL else 'whole '}number above 0; "
                "name a folder that Charmer wrote"
            )
    fixed = {**FIXED, "head_dim": shape["width"] // shape["heads"]}
    for name, ours in fixed.items():
        if fields.get(name, ours) != ours:
            raise Failure(
                f"{path}: {name} is {fields[name]!r}, but {ours!r} in this network; name a folder that Charmer wrote"
            )
    return shape
