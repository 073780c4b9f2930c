"""How much code a model understands after ten minutes of two cores, from a text without a tokenizer to bits per byte.

    make speedrun                                             # 600 seconds, the recipe of config/speedrun.yaml
    make speedrun ARGS="--seconds 60 --set model.layers=4"    # an experiment

Notable here:
- The clock runs from the text on the disk to the model on the disk: tokenizer, encoding, packing and training count,
  the measurement does not. Training gets on its clock what the stages before it have left.
- It is the project's own stages that run, one after the other, in results/speedrun.
- Nothing of val.txt is opened before the clock stops. A document is a file of the library with the blank line behind
  it; every 200th file of train.txt is held aside for the one look at held-out text that ends a training run.
- A processor that does not multiply bfloat16 sees a third of the text: it takes the network and the batches of
  config/presets/older.yaml. What --set names stands over both.
- Measured is all of val.txt as one text: each token is predicted once, in windows of the training context that do not
  overlap, and the bits are divided by all of its bytes.

The last line on standard output is one JSON mapping: bits_per_byte, seconds, parameters, tokens (trained on).
What was tried is in resources/speedrun.md.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import torch
import yaml

from charmer.common.failure import Failure
from charmer.common.files import read_json, write_json, write_table
from charmer.inference.score import bits_per_token
from charmer.model import folder as model_folder
from charmer.pipeline.settings import merged, read, resolve
from charmer.tokens import vocabulary
from charmer.tokens.encode import encode
from charmer.tokens.pack import pack
from charmer.training.hardware import choose_device, choose_dtype
from charmer.training.speedrun_text import write_speedrun_text
from charmer.training.train import train

CONFIG = Path(__file__).parents[3] / "config"
RESULTS = Path("results/speedrun")
SPLITS: tuple[Literal["train", "val"], ...] = ("train", "val")
ASIDE = 200  # every so many files of train.txt, one is held aside
MARGIN = 4.0  # seconds that training takes beyond its budget: the machine's rate, the last step, the files

logger = logging.getLogger(__name__)


def speedrun(settings: dict[str, Any], out: Path, seconds: float, threads: int, library: Path | None = None) -> dict:
    """Run the whole of it in the folder `out`, whose content is removed first.

    Args:
        settings: all sections of the configuration; its budget is replaced by what is left of `seconds`.
        seconds: of wall clock, from the text to the model.
        threads: of the processor.
        library: folder whose files make the text; None: the running interpreter's standard library.

    Returns:
        `bits_per_byte` over val.txt, `seconds` taken, `parameters`, and `tokens` trained on. The same, with the
        settings and the seconds of each stage, is in `out`/speedrun.json, and the model in `out`/model.

    Raises:
        Failure: too few seconds for the stages before training, or what these raise.
    """
    shutil.rmtree(out, ignore_errors=True)
    documents = write_speedrun_text(out, library)["train"]
    stages: dict[str, float] = {}
    begun = before = time.monotonic()

    def ends(stage: str) -> None:
        nonlocal before
        stages[stage], before = time.monotonic() - before, time.monotonic()
        logger.info(f"{stage}: {stages[stage]:.1f} s")

    _write_shard(out / "val", documents[::ASIDE])
    _write_shard(out / "train", [text for number, text in enumerate(documents) if number % ASIDE])
    data = {"tokenizer": out / "tokenizer.json"}
    vocabulary.build(out / "train", settings["vocab"], data["tokenizer"], out / "vocabulary.json")
    ends("tokenizer")
    for split in SPLITS:
        tokens, table = data[f"{split}_tokens"], data[f"{split}_documents"] = (
            out / f"{split}-tokens.npy",
            out / f"{split}-documents.parquet",
        )
        encode(out / split, data["tokenizer"], tokens, table, threads)
    ends("encode")
    for split in SPLITS:
        data[f"{split}_windows"] = out / f"{split}-windows.npy"
        tokens, table = data[f"{split}_tokens"], data[f"{split}_documents"]
        pack(tokens, table, settings["pack"], split, data[f"{split}_windows"], out / f"{split}-windows.json")
    ends("pack")
    left = seconds - MARGIN - (time.monotonic() - begun)
    if left <= 0:
        raise Failure(f"--seconds: {seconds:g} are less than the stages before training take; give more")
    settings = settings | {"train": settings["train"] | {"budget": f"{left / 60:.4f} minutes"}}
    train(data, settings, out / "model", out / "checkpoints", threads)
    ends("train")
    taken = time.monotonic() - begun
    bits = bits_per_byte(out / "model", out / "val.txt", threads)
    ends("measure")
    training = read_json(out / "model" / "training.json")
    result = {
        "bits_per_byte": round(bits, 4),
        "seconds": round(taken, 1),
        "parameters": training["parameters"],
        "tokens": training["tokens"],
    }
    knobs = {name: settings[name] for name in ("vocab", "pack", "model", "train")}
    write_json(out / "speedrun.json", result | {"threads": threads, "stages": stages, "settings": knobs})
    return result


def bits_per_byte(model: Path, text: Path, threads: int) -> float:
    """Bits that a model needs for a byte of a text, in windows of its context that do not overlap.

    A window reads the token before its first, which the window before it predicted; the text's first token is
    predicted from the end-of-file token.
    """
    network, tokenizer = model_folder.load(model)
    content = text.read_bytes()
    ids = tokenizer.encode(content.decode("ascii"))
    bits = bits_per_token(network, [ids], tokenizer.eof, threads=threads, stride=network.config.context_length)
    return float(bits[0].sum(dtype=np.float64)) / len(content)


def _write_shard(folder: Path, documents: Sequence[str]) -> None:
    """Documents as `curate` leaves them, as far as the next stages read them."""
    names = {"source": "stdlib", "package": "stdlib", "path": ""}
    columns = {"text": pa.array(documents, pa.large_string())}
    columns |= {name: pa.array([value] * len(documents)) for name, value in names.items()}
    write_table(folder / "shard-00000.parquet", pa.table(columns))


def recipe(overrides: Sequence[str], config: Path = CONFIG) -> dict[str, Any]:
    """The settings of config/config.yaml, over them config/speedrun.yaml, over them "section.knob=value" each.

    Between the last two, on a processor that is to compute in float32, lies config/presets/older.yaml.

    Raises:
        Failure: a file or an override is not valid.
    """
    given: dict[str, Any] = {}
    for override in overrides:
        knob, equals, value = override.partition("=")
        section, dot, name = knob.partition(".")
        if not (equals and dot):
            raise Failure(f"--set: {override!r} is no setting; write --set section.knob=value")
        given = merged(given, {section: {name: yaml.safe_load(value)}})
    settings = merged(read(config / "config.yaml"), read(config / "speedrun.yaml"))
    knobs = resolve(merged(settings, given))["train"]
    device = choose_device(knobs["device"])
    if device.type == "cpu" and choose_dtype(knobs["precision"], device) == torch.float32:
        logger.info("the processor computes in float32: config/presets/older.yaml is laid over the recipe")
        settings = merged(settings, read(config / "presets" / "older.yaml"))
    return resolve(merged(settings, given))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0, help="of wall clock, all stages included")
    parser.add_argument("--threads", type=int, default=2, help="of the processor")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KNOB=VALUE", help="another setting")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    os.environ["RAYON_NUM_THREADS"] = str(given.threads)  # the tokenizers library knows no argument
    try:
        result = speedrun(recipe(given.set), RESULTS, given.seconds, given.threads)
    except Failure as failure:
        sys.exit(f"error: {failure}")
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
