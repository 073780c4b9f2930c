"""The weights as they ship: every number in bfloat16, half the bytes of training's, and what that rounding costs.

Matrices and norms alike, since `transformers` opens a model in the one number type that its config.json names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialised

from charmer.common.files import read_json, replacing, write_json
from charmer.evaluation.support import heldout
from charmer.inference.score import bits_per_token
from charmer.model import folder
from charmer.model.shape import CONFIG, WEIGHTS

SCORED_BYTES = 100_000  # of held-out text, on which the rounding is measured


@dataclass(frozen=True)
class Rounding:
    """What the rounding costs.

    Attributes:
        before, after: bits per byte of the same held-out files, with the weights of training and with those that ship.
        bytes: of these files.
        largest: the largest relative error of any weight.
    """

    before: float
    after: float
    bytes: int
    largest: float


def write(model: Path, out: Path) -> None:
    """Write `out`'s weights from a model's folder, and say their number type in the config.json that lies there."""
    tensors = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(model / WEIGHTS).items()}
    with replacing(out / WEIGHTS) as temporary:
        temporary.write_bytes(serialised(tensors, metadata={"format": "pt"}))
    write_json(out / CONFIG, {**read_json(out / CONFIG), "dtype": "bfloat16"})


def rounding(model: Path, out: Path, tokens: Path, documents: Path, threads: int) -> Rounding:
    """Score both models, `model` and the one in `out`, on the same held-out documents.

    Args:
        tokens, documents: of the test split.

    Raises:
        Failure: a file is missing or damaged, or does not belong to the others.
    """
    torch.set_num_threads(threads)
    networks = []
    for place in (model, out):
        network, tokenizer = folder.load(place)
        networks.append(network)
    chosen = heldout.documents(tokens, documents, tokenizer, SCORED_BYTES)
    ids = [document.tokens for document in chosen]
    size = sum(int(tokenizer.byte_lengths[one].sum()) for one in ids)
    bits = [
        math.fsum(float(one.sum()) for one in bits_per_token(network, ids, tokenizer.eof, threads=threads))
        for network in networks
    ]
    largest = max(
        float(((one - other).abs() / one.abs().clamp_min(1e-12)).max().detach())
        for one, other in zip(*(network.parameters() for network in networks), strict=True)
    )
    return Rounding(bits[0] / size, bits[1] / size, size, largest)
