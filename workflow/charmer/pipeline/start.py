"""The model that a run starts from (`train.init_from`), as far as the workflow has to know it before any job starts.

Its shape and its vocabulary become the run's. A knob of `model` or `vocab` that stands as in config/config.yaml gives
way to them; one that a preset or `--config` sets to anything else is refused. What the folder holds is no part of a
name: its digests say whether what was made from it is stale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from charmer.common.failure import Failure
from charmer.common.files import sha256_of
from charmer.model import manifest
from charmer.model.shape import CONFIG, TOKENIZER, WEIGHTS, read_shape

Settings = dict[str, Any]
FILES = (CONFIG, TOKENIZER, WEIGHTS)


def given(path: str) -> Settings:
    """What the model in the folder `path` decides: sections `model` and `vocab`, as far as it says them.

    Raises:
        Failure: a file of it is missing or damaged, or its files are of different models.
    """
    from charmer.tokens.tokenizer import Tokenizer  # slow to import, and needed by few runs

    folder = Path(path)
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise Failure(f"train.init_from: {path} lacks {', '.join(missing)}; name the folder of a trained model")
    manifest.check(folder)
    shape, tokenizer = read_shape(folder / CONFIG), Tokenizer.load(folder / TOKENIZER)
    if shape["vocab_size"] != tokenizer.vocab_size:
        raise Failure(
            f"train.init_from: {folder / TOKENIZER} has {tokenizer.vocab_size} entries and {folder / CONFIG} says "
            f"{shape['vocab_size']}; the files are of different models"
        )
    vocab: Settings = {"kind": tokenizer.kind}
    if tokenizer.kind == "bpe":
        vocab |= {"size": tokenizer.vocab_size, "pre_tokenizer": tokenizer.pre_tokenizer}
    return {"model": shape, "vocab": vocab}


def taken_over(settings: Settings, defaults: Callable[[], Settings]) -> tuple[Settings, list[str]]:
    """The settings with the shape and the vocabulary of the model that the run starts from; and what contradicts it.

    Args:
        defaults: gives what config/config.yaml says.

    Raises:
        Failure: as `given`.
    """
    path = settings["train"]["init_from"]
    if not path:
        return settings, []
    model = given(path)
    complaints = [*_contradictions(settings, defaults(), model, path), *_repeated(settings, Path(path))]
    shape = {knob: model["model"].get(knob, value) for knob, value in settings["model"].items()}
    return {**settings, "model": shape, "vocab": {**settings["vocab"], **model["vocab"]}}, complaints


def _contradictions(settings: Settings, defaults: Settings, model: Settings, path: str) -> Iterator[str]:
    for section in ("model", "vocab"):
        for knob, value in settings[section].items():
            theirs = model[section].get(knob, value)
            if value not in (theirs, defaults.get(section, {}).get(knob)):
                yield (
                    f"{section}.{knob}: {value}, but the model of train.init_from, {path}, has {theirs}; "
                    f"allowed: {theirs}, or nothing, or another model"
                )


def _repeated(settings: Settings, folder: Path) -> Iterator[str]:
    """A complaint where a training before had the same windows in the same order.

    Raises:
        Failure: the settings of one cannot be read.
    """
    for file in sorted(folder.glob("settings*.yaml")):
        try:
            theirs = yaml.safe_load(file.read_text(encoding="utf-8"))
            same = all(theirs[section] == settings[section] for section in ("sources", "curate", "pack"))
            if same and not settings["code"] and theirs["train"]["seed"] == settings["train"]["seed"]:
                yield (
                    f"train.seed: {settings['train']['seed']} is that of {file}, a training before this one on the "
                    "same sources, which read the same windows in this order; allowed: any other"
                )
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            raise Failure(f"{file}: holds no settings of a training ({error}); put the released file back") from error


def digests(path: str, *names: str) -> dict[str, str]:
    """SHA-256 of files in the folder of the model that a run starts from; empty where it starts from none."""
    return {name: sha256_of(Path(path) / name) for name in names} if path else {}
