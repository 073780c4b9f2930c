"""The arguments `--model`, `--device` and `--threads`, and the model that they mean.

`--model` is a folder, or one of two words: `pretrained`, the model that ships with Charmer, and `latest`, that of the
newest finished run here which is neither a smoke test nor a cell of a grid. "Here" is the present folder's `results`,
or where there is none that of the checkout from which Charmer is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from charmer.common.failure import Failure

if TYPE_CHECKING:
    from charmer.model.network import Transformer
    from charmer.tokens.tokenizer import Tokenizer

CHECKOUT = Path(__file__).parents[4]
SHIPPED = CHECKOUT / "resources" / "pretrained"
INSTALLED = Path(sysconfig.get_path("data")) / "share" / "charmer" / "pretrained"  # where a wheel puts it
PRETRAINED = SHIPPED if SHIPPED.is_dir() or not INSTALLED.is_dir() else INSTALLED
CONFIG, MANIFEST = "config.json", "release.json"
FILES = (CONFIG, "tokenizer.json", "model.safetensors")
SMOKE = "smoke"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--model`, `--device` and `--threads`."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        metavar="M",
        help="a model's folder, pretrained, or latest (default: pretrained if it ships, else latest)",
    )
    group.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto", help="default: auto")
    group.add_argument("--threads", type=positive, default=cores(), metavar="N", help="of the processor (default: all)")


def positive(text: str) -> int:
    """A whole number of at least one, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return number


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def folder(name: str | None) -> Path:
    """The folder of the model that `--model` names; None is the default.

    Raises:
        Failure: there is no such model.
    """
    if name is None:
        return PRETRAINED if _ships() else latest()
    if name == "pretrained":
        if not _ships():
            raise Failure("--model pretrained: no model ships with this version; name a folder, or latest")
        return PRETRAINED
    if name == "latest":
        return latest()
    lacks = next((file for file in FILES if not (Path(name) / file).is_file()), None)
    if lacks is not None and not (Path(name) / MANIFEST).is_file():  # a released one is told how to be put back
        raise Failure(f"--model {name}: holds no {lacks}; name a model's folder (results/models/...), or latest")
    return Path(name)


def _ships() -> bool:
    """Whether a model ships; one that lost a file is refused when it is opened, and not taken for none."""
    return any((PRETRAINED / name).exists() for name in (CONFIG, MANIFEST))


def latest() -> Path:
    """The model's folder of the newest finished run here that is neither a smoke test nor a cell of a grid.

    Raises:
        Failure: there is none.
    """
    results = next((place for place in (Path("results"), CHECKOUT / "results") if (place / "runs").is_dir()), None)
    runs = sorted(results.glob("runs/*/summary.json"), key=lambda file: file.stat().st_mtime) if results else []
    cells = _cells(results) if results else set()
    for summary in reversed(runs):
        run = summary.parent.name
        model = _model_of(summary)
        if model is not None and run not in cells and run.rpartition("-")[0] != SMOKE:
            return model
    raise Failure("results/runs holds no finished run; make one with `make`, or name a model with --model FOLDER")


def _cells(results: Path) -> set[str]:
    """The names of the runs that are cells of grids: a grid's folder holds the summary of each."""
    from charmer.common.files import read_json

    found = set()
    for summary in results.glob("grids/*/cells/**/summary.json"):
        with contextlib.suppress(Failure, KeyError, TypeError):
            found.add(read_json(summary)["run"])
    return found


def _model_of(summary: Path) -> Path | None:
    """The folder of a run's model, where it still lies."""
    from charmer.common.files import read_json

    try:
        model = summary.parent / read_json(summary)["paths"]["model"]
    except (Failure, KeyError, TypeError):  # a run that was damaged, or left by another version
        return None
    model = Path(os.path.relpath(model.resolve()))
    return model if (model / CONFIG).exists() else None


def device(wanted: str) -> str:
    """The device to compute on.

    Raises:
        Failure: it is not there.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return "cuda" if there["cuda"] else "cpu"
    if not there[wanted]:
        raise Failure(f"--device {wanted}: PyTorch finds no such device here; use --device cpu")
    return wanted


def load(options: argparse.Namespace) -> tuple[Transformer, Tokenizer]:
    """Open the model that the options name, and set PyTorch's threads.

    Raises:
        Failure: there is none, or one of its files is missing, damaged or of another model.
    """
    chosen = folder(options.model)
    from charmer.model import manifest

    manifest.check(chosen)
    import torch

    from charmer.model import folder as model_folder

    torch.set_num_threads(options.threads)
    return model_folder.load(chosen, device(options.device))
