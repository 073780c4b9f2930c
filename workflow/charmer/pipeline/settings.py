"""The configuration, brought to the schema's types and checked before any job starts.

Notable here:
- `--config` delivers strings where a file delivers numbers. Values are converted to the schema's types first, so the
  same setting names the same folder whichever way it came.
- Every complaint names the knob, the value, and what is allowed; all complaints come at once.
- Ratios between knobs are checked here too, so that mismatched shapes never surface from inside a training run.
"""

from __future__ import annotations

import difflib
import functools
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from charmer.common.failure import Failure
from charmer.pipeline.start import taken_over

Settings = dict[str, Any]

SCHEMA = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"
DEFAULTS = Path(__file__).parents[3] / "config" / "config.yaml"
MULTIPLES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@functools.cache
def schema() -> dict[str, Any]:
    """The JSON Schema of the configuration."""
    return yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))


@functools.cache
def defaults() -> Settings:
    """What config/config.yaml says."""
    return _convert(read(DEFAULTS), schema())


def read(path: Path) -> dict[str, Any]:
    """Read one configuration file.

    Raises:
        Failure: the file is absent, is not YAML, or is no mapping.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise Failure(f"{path}: there is no such configuration file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: is not valid YAML: {error}") from error
    if not isinstance(config, dict):
        raise Failure(f"{path}: holds no mapping of knobs")
    return config


def merged(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    """Lay `override` over `base` as Snakemake does with configuration files: mappings merge, lists do not."""
    result = {**base}
    for key, value in override.items():
        below = base.get(key)
        result[key] = merged(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return result


def resolve(config: dict[str, Any]) -> Settings:
    """Turn a merged configuration into settings: converted, checked, in their canonical form.

    Raises:
        Failure: one line a wrong knob, each with its name, its value and what is allowed.
    """
    settings = _convert(config, schema())
    complaints = [_describe(error) for error in _errors(settings)]
    if not complaints:
        settings, complaints = taken_over(_canonical(settings), defaults)
        complaints += _mismatches(settings)
    if complaints:
        raise Failure("config: " + "\n        ".join(complaints))
    return settings


def _convert(value: Any, rule: dict[str, Any]) -> Any:
    """Bring `value` to the type that `rule` asks for, where that loses nothing; leave it for the validator if not."""
    kinds = rule.get("type", ())
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    if "enum" in rule and isinstance(value, bool):
        return _unword(value, rule["enum"])
    if value is None or (isinstance(value, str) and value.lower() in {"null", "none", "~"} and "null" in kinds):
        return None
    if "object" in kinds and isinstance(value, dict):
        properties = rule.get("properties", {})
        return {key: _convert(entry, properties.get(key, {})) for key, entry in value.items()}
    if "array" in kinds:
        if isinstance(value, str):
            value = _list_from(value)
        if isinstance(value, list):
            return [_convert(entry, rule.get("items", {})) for entry in value]
    if isinstance(value, str):
        return _from_text(value, kinds)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    if "integer" in kinds and isinstance(value, float) and value.is_integer():
        return int(value)
    if "number" in kinds:
        return float(value)
    if kinds == {"string"}:
        return str(value)
    return value


def _unword(value: bool, allowed: list[Any]) -> Any:
    """YAML reads `on` and `off` as booleans; give an enumeration of words its word back."""
    words = [word for word in allowed if WORDS.get(str(word).lower()) is value]
    return words[0] if words else value


def _list_from(text: str) -> Any:
    """A list as typed on a command line: `[a, b]`, or one bare entry."""
    try:
        parsed = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        return [text]
    return parsed if isinstance(parsed, list) else [text]


def _from_text(text: str, kinds: set[str]) -> Any:
    if "boolean" in kinds and text.lower() in WORDS:
        return WORDS[text.lower()]
    if "integer" in kinds and re.fullmatch(r"[+-]?[0-9][0-9_]*(\.0*)?", text):
        return int(text.partition(".")[0].replace("_", ""))
    if kinds & {"number", "integer"}:
        try:
            number = float(text)
        except ValueError:
            return text
        return int(number) if "number" not in kinds and number.is_integer() else number
    return text


def _errors(settings: Settings) -> Iterator[ValidationError]:
    """The schema's complaints, in the order of the schema, alternatives resolved to their best match."""
    validator = Draft202012Validator(schema())
    yield from sorted(validator.iter_errors(settings), key=lambda error: [str(part) for part in error.absolute_path])


def _describe(error: ValidationError) -> str:
    knob = ".".join(str(part) for part in error.absolute_path)
    rule: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties":
        unknown = sorted(map(str, set(error.instance) - set(rule.get("properties", {}))))
        return "; ".join(_unknown(f"{knob}.{key}" if knob else str(key)) for key in unknown)
    if error.validator == "required":
        missing = sorted(set(rule["required"]) - set(error.instance))
        return "; ".join(f"{knob}.{key}".lstrip(".") + ": is missing" for key in missing)
    meaning = f" ({rule['description']})" if "description" in rule else ""
    return f"{knob}: {error.instance!r} is not allowed{meaning}; allowed: {_allowed(rule)}"


def _unknown(knob: str) -> str:
    section, _, last = knob.partition(".")
    if knob in knobs():
        return f"{knob}: knobs are nested, not dotted; write {section}: {{{last}: ...}}"
    return f"{knob}: there is no such knob{hint(knob)}"


def hint(knob: str) -> str:
    """Name the nearest knob to one that does not exist: one spelled alike, or one of the same last name elsewhere."""
    names = list(knobs())
    section, _, last = knob.rpartition(".")
    by_last = {name.rpartition(".")[2]: name for name in names}
    beside = {name.rpartition(".")[2]: name for name in names if name.rpartition(".")[0] == section}
    near = [name for name in names if name.rpartition(".")[2] == last]
    for candidates in (beside, by_last):
        near = near or [candidates[name] for name in difflib.get_close_matches(last, candidates, n=1, cutoff=0.7)]
    return f"; did you mean {near[0]}?" if near else "; config/README.md lists every knob"


def _allowed(rule: dict[str, Any]) -> str:
    if "enum" in rule:
        return ", ".join(str(word) for word in rule["enum"])
    kinds = rule.get("type", "any value")
    parts = [kinds if isinstance(kinds, str) else " or ".join(kinds)]
    bounds = {
        "minimum": "at least {}",
        "exclusiveMinimum": "above {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "below {}",
        "pattern": "of the form {}",
        "minItems": "at least {} entries",
        "minLength": "not empty",
        "uniqueItems": "no entry twice",
    }
    parts += [text.format(rule[bound]) for bound, text in bounds.items() if bound in rule]
    return ", ".join(parts)


def knobs(rule: dict[str, Any] | None = None, prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every knob that the schema knows: `train.learning_rate`."""
    for key, entry in (rule or schema()).get("properties", {}).items():
        if "properties" in entry:
            yield from knobs(entry, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _canonical(settings: Settings) -> Settings:
    """Give equal settings equal spelling: paths without detours, budgets as a plain count."""
    canonical = {**settings, "train": {**settings["train"]}}
    canonical["code"] = [_path(path) for path in settings["code"]]
    canonical["sources"] = [
        {**source, "path": _path(source["path"])} if "path" in source else source for source in settings["sources"]
    ]
    canonical["train"]["budget"] = _budget(settings["train"]["budget"])
    canonical["release"] = {**settings["release"], "folder": _path(settings["release"]["folder"])}
    if settings["train"]["init_from"]:
        canonical["train"]["init_from"] = _path(settings["train"]["init_from"])
    return canonical


def _budget(text: str) -> str:
    counted = re.fullmatch(r"([0-9.]+)([kMG]?) ([a-z]+?)s?", text)
    if counted is None:  # it repeats another run's schedule
        return f"as {_path(text.removeprefix('as '))}"
    number, multiple, unit = counted.groups()
    return f"{float(number) * MULTIPLES[multiple]:.12g} {unit}s"


def _path(path: str) -> str:
    try:
        return os.path.normpath(Path(path.strip()).expanduser())
    except RuntimeError as error:
        raise Failure(f"config: {path}: {error}") from error


def _mismatches(settings: Settings) -> Iterator[str]:
    """What a schema of single knobs cannot express: ratios between knobs, and numbers that are none."""
    yield from (f"{knob}: {value} is no number that can be used" for knob, value in _not_finite(settings))
    model, train, pack = (settings[section] for section in ("model", "train", "pack"))
    width, heads, kv_heads = model["width"], model["heads"], model["kv_heads"]
    if width % heads:
        yield (
            f"model.width: {width} does not divide among model.heads: {heads} heads; "
            f"allowed: an even multiple of {heads}, such as {max(1, round(width / heads / 2)) * 2 * heads}"
        )
    elif (width // heads) % 2:
        yield (
            f"model.width: {width} over model.heads: {heads} gives heads of size {width // heads}; "
            f"allowed: an even size, since rotary positions turn pairs"
        )
    if heads % kv_heads:
        divisors = [count for count in range(1, heads + 1) if heads % count == 0]
        yield (
            f"model.kv_heads: {kv_heads} does not divide model.heads: {heads}; allowed: {', '.join(map(str, divisors))}"
        )
    if train["batch_tokens"] % pack["context_length"]:
        below = train["batch_tokens"] // pack["context_length"] * pack["context_length"]
        yield (
            f"train.batch_tokens: {train['batch_tokens']} is not a whole number of windows of "
            f"pack.context_length: {pack['context_length']}; allowed: a multiple, such as "
            f"{below or pack['context_length']}"
        )
    elif isinstance(train["ranks"], int) and train["ranks"] > train["batch_tokens"] // pack["context_length"]:
        yield (
            f"train.ranks: {train['ranks']} cannot share the {train['batch_tokens']} train.batch_tokens; "
            f"allowed: at most one a window of {pack['context_length']}"
        )
    if train["start_share"] and not train["init_from"]:
        yield (
            f"train.start_share: {train['start_share']} would blend random weights in, since train.init_from names no "
            "model; allowed: 0"
        )
    if "fine_tuning" in settings["evaluate"]["metrics"]:
        if not train["init_from"]:
            yield "evaluate.metrics: fine_tuning compares with the model of train.init_from, which names none"
        elif not settings["code"] and not any(source.get("own") for source in settings["sources"]):
            yield "code: is empty, and the run fits a model to it; allowed: your directories, as in 'code=[\"~/src\"]'"
    shortest, longest = settings["break"]["min_lines"], settings["break"]["max_lines"]
    if shortest > longest:
        yield f"break.min_lines: {shortest} is above break.max_lines: {longest}; allowed: at most that"
    if train["budget"].startswith("0 "):
        yield f"train.budget: {train['budget']!r} is nothing; allowed: an amount above 0"
    if train["schedule"] == "wsd" and train["warmup"] + train["decay"] > 1:
        yield (
            f"train.warmup: {train['warmup']} and train.decay: {train['decay']} overlap; allowed: shares of the budget "
            "that add up to at most 1"
        )
    names = [source["name"] for source in settings["sources"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"sources: the name {name!r} stands twice; allowed: a name of its own for each source"
    if not settings["sources"] and not settings["code"]:
        yield "sources: is empty, and so is code; allowed: at least one source, or code: [a directory]"
    needs = {"directory": "path", "archive": "path", "git": "path", "distributions": "packages", "releases": "packages"}
    for source in settings["sources"]:
        needed = needs.get(source["kind"])
        if needed and not source.get(needed):
            yield f"sources: {source['name']!r} is of kind {source['kind']} and needs {needed}"


def _not_finite(value: Any, knob: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _not_finite(entry, f"{knob}.{key}".lstrip("."))
    elif isinstance(value, float) and not math.isfinite(value):
        yield knob, value
