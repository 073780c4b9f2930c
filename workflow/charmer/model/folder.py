"""A model on disk: a folder with `model.safetensors`, `config.json` and `tokenizer.json`.

Notable here: names of tensors and fields are those of `transformers`' Qwen3, so that
`AutoModelForCausalLM.from_pretrained(folder)` opens it offline and without custom code.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialised

from charmer.common.failure import Failure
from charmer.common.files import read_json, replacing, write_json
from charmer.model.network import ModelConfig, Transformer
from charmer.model.shape import CONFIG, FIELDS, TOKENIZER, WEIGHTS, read_shape
from charmer.tokens.tokenizer import Tokenizer

SETTINGS = "settings.json"  # of the training, beside the model in a run's folder


def config_fields(config: ModelConfig, eof: int) -> dict[str, Any]:
    """What `config.json` holds."""
    fields: dict[str, Any] = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"}
    fields |= {theirs: getattr(config, ours) for ours, theirs in FIELDS.items()}
    fields |= {
        "head_dim": config.head_size,
        "hidden_act": "silu",
        "attention_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": eof,
        "eos_token_id": eof,
        "dtype": "float32",
    }
    return fields


def read_config(path: Path) -> ModelConfig:
    """The sizes in a `config.json`.

    Raises:
        Failure: a field is missing, or describes a network that is not ours.
    """
    return ModelConfig(**read_shape(path))


def save_weights(path: Path, model: Transformer) -> None:
    """Write the weights under their Qwen3 names."""
    tensors = {f"model.{name}": tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with replacing(path) as temporary:
        temporary.write_bytes(serialised(tensors, metadata={"format": "pt"}))


def save(folder: Path, model: Transformer, tokenizer_path: Path) -> None:
    """Write a model's folder: its weights, its sizes, and a copy of its tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / TOKENIZER) as temporary:
        shutil.copyfile(tokenizer_path, temporary)
    write_json(folder / CONFIG, config_fields(model.config, Tokenizer.load(tokenizer_path).eof))
    save_weights(folder / WEIGHTS, model)


def load(folder: Path, device: str | torch.device = "cpu") -> tuple[Transformer, Tokenizer]:
    """Open a model's folder.

    Raises:
        Failure: a file is missing or damaged, or the files do not belong together; the message names the file.
    """
    folder = Path(folder)
    config = read_config(folder / CONFIG)
    tokenizer = Tokenizer.load(folder / TOKENIZER)
    if tokenizer.vocab_size != config.vocab_size:
        raise Failure(
            f"{folder / TOKENIZER}: has {tokenizer.vocab_size} entries, but {CONFIG} says {config.vocab_size}; "
            "the files are of different models"
        )
    model = Transformer(config)
    load_weights(folder / WEIGHTS, model)
    return model.to(device).eval(), tokenizer


def lineage(folder: Path) -> Iterator[Path]:
    """A model's folder, and those of the models from which it went on, as each one's `settings.json` says.

    Raises:
        Failure: these are no settings, or lead back to a model that they began with.
    """
    seen: set[Path] = set()
    following: Path | None = Path(folder)
    while following is not None:
        if following.resolve() in seen:
            raise Failure(
                f"{folder / SETTINGS}: train.init_from leads back to {following}; no model starts from itself"
            )
        seen.add(following.resolve())
        yield following
        settings = following / SETTINGS
        try:
            start = read_json(settings).get("train", {}).get("init_from") if settings.exists() else ""
        except AttributeError:
            raise Failure(f"{settings}: holds no settings of a training; delete it, or name another model") from None
        following = Path(start) if start else None


def load_weights(path: Path, model: Transformer) -> None:
    """Read weights into `model`.

    Raises:
        Failure: the file is absent, damaged, or holds other shapes than the model's.
    """
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise Failure(f"{path}: there is no such file") from None
    except (safetensors.SafetensorError, OSError) as error:
        raise Failure(f"{path}: is damaged or cut short ({error}); delete it and run again") from error
    try:
        model.load_state_dict({name.removeprefix("model."): tensor for name, tensor in tensors.items()})
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise Failure(f"{path}: does not fit {path.parent / CONFIG}: {reason}") from error
