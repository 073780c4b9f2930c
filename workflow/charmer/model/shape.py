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


def read_shape(path: Path) -> dict[str, Any]:
    """The sizes in a `config.json`, by Charmer's names: the keys of FIELDS.

    Raises:
        Failure: a field is missing, or describes a network that is not ours.
    """
    fields = read_json(path)
    if not isinstance(fields, dict) or fields.get("model_type") != "qwen3":
        raise Failure(f"{path}: describes no Qwen3 model; name a folder that Charmer wrote")
    missing = sorted(theirs for theirs in FIELDS.values() if theirs not in fields)
    if missing:
        raise Failure(f"{path}: lacks {', '.join(missing)}; name a folder that Charmer wrote")
    if not fields.get("tie_word_embeddings") or fields.get("attention_bias"):
        raise Failure(f"{path}: has biases or a head of its own, which this network has not")
    return {ours: fields[theirs] for ours, theirs in FIELDS.items()}
