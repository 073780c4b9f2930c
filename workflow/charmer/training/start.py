"""What a training begins with: weights drawn from the seed, or those of another model (`train.init_from`).

Notable here: of another model everything is taken over but the context length: rotary positions have no weights of
their own, so a network may go on with windows of another length.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from charmer.common.failure import Failure
from charmer.model import folder
from charmer.model.network import ModelConfig, Transformer
from charmer.model.shape import CONFIG, TOKENIZER, WEIGHTS
from charmer.tokens.tokenizer import Tokenizer


def config(settings: dict[str, Any], tokenizer: Tokenizer, context: int) -> ModelConfig:
    """The sizes of the network, from the section `model` or from the model that is gone on with.

    Raises:
        Failure: that model has another shape than the section says, or another vocabulary than the training text.
    """
    path = settings["train"]["init_from"]
    if not path:
        return ModelConfig(vocab_size=tokenizer.vocab_size, context_length=context, **settings["model"])
    given = folder.read_config(Path(path) / CONFIG)
    for knob, value in settings["model"].items():
        if value != getattr(given, knob):
            raise Failure(
                f"model.{knob}: {value}, but the model of train.init_from, {path}, has {getattr(given, knob)}; "
                f"set model.{knob}: {getattr(given, knob)}, or start from another model"
            )
    if Tokenizer.load(Path(path) / TOKENIZER).digest != tokenizer.digest:
        raise Failure(
            f"train.init_from: the vocabulary of {path} is not the one that the training text was encoded with; "
            f"encode it with {Path(path) / TOKENIZER}"
        )
    return replace(given, context_length=context)


def fill(model: Transformer, knobs: dict[str, Any]) -> None:
    """Give the network its first weights.

    Args:
        knobs: the settings' section `train`.

    Raises:
        Failure: the weights of the other model are missing, damaged, or of other shapes.
    """
    if knobs["init_from"]:
        folder.load_weights(Path(knobs["init_from"]) / WEIGHTS, model)
    else:
        model.initialise(knobs["seed"])
