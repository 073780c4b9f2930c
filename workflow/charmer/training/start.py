"""What a training begins with: weights drawn from the seed, or those of another model (`train.init_from`).

Notable here:
- Of another model everything is taken over but the context length: rotary positions have no weights of
  their own, so a network may go on with windows of another length.
- A share of the first weights may stay in those that are scored and saved (Wortsman et al. 2022, "Robust fine-tuning of
  zero-shot models", arXiv:2109.01903). On the straight way back from a fitted model to the one it came from, what was
  forgotten returns sooner than what was learned is lost.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from charmer.common.failure import Failure
from charmer.common.files import sha256_of
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


def fill(model: Transformer, knobs: dict[str, Any]) -> str:
    """Give the network its first weights.

    Args:
        knobs: the settings' section `train`.

    Returns:
        SHA-256 of the other model's weights; "" where there is none.

    Raises:
        Failure: the weights of the other model are missing, damaged, or of other shapes.
    """
    if not knobs["init_from"]:
        model.initialise(knobs["seed"])
        return ""
    weights = Path(knobs["init_from"]) / WEIGHTS
    folder.load_weights(weights, model)
    return sha256_of(weights)


class Blend:
    """Trained weights with a share of the first ones.

    Args:
        model: the network that is trained, with its first weights.
        share: of the first ones; with 0 nothing is kept.
    """

    def __init__(self, model: Transformer, share: float) -> None:
        self._share = share
        self._first = copy.deepcopy(model) if share else None
        self._blended = copy.deepcopy(model) if share else None

    @torch.no_grad()
    def of(self, model: Transformer) -> Transformer:
        """The network with the blended weights: `model` itself where the share is 0, else the same one at each call."""
        if self._first is None or self._blended is None:
            return model
        networks = (self._blended, model, self._first)
        for blended, trained, first in zip(*(network.parameters() for network in networks), strict=True):
            blended.copy_(trained).lerp_(first, self._share)
        return self._blended
