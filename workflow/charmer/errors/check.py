"""`check`: what is wrong with a text, or looks it, as a pure function of the text and the model.

A text that does not parse has one finding, the fault and its repair (see `fault`). One that parses has those of its
suspicious spots that are surer than a threshold (see `suspicious`), which a model's calibration gives for the false
alarms that a person accepts. `# charmer: ignore` on a line silences it.
"""

from __future__ import annotations

import io
import math
import re
import tokenize
from collections.abc import Callable

from charmer.errors import fault, suspicious, syntax
from charmer.errors.calibration import Calibration
from charmer.errors.edits import apply
from charmer.errors.finding import Finding
from charmer.errors.rank import always
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

IGNORE = re.compile(r"#\s*charmer:\s*ignore\b")


def check(
    model: Transformer,
    tokenizer: Tokenizer,
    text: str,
    path: str = "-",
    *,
    false_alarms: float = 1.0,
    calibration: Calibration | None = None,
    go_on: Callable[[], None] = always,
) -> list[Finding]:
    """What is wrong with a text, the surest first.

    Args:
        text: lines end in "\\n".
        path: how the findings call it.
        false_alarms: how many there may be in 500 lines of sound code; inf: every suspicious spot is a finding.
        calibration: of this model (see `calibration.read`); None: the one that ships, which asks for more certainty.
        go_on: called often, from several threads; what it raises ends the work.
    """
    if not text.strip():
        return []
    broken = fault.find(model, tokenizer, text, path, go_on)
    if broken is not None:
        return [broken] if broken.line not in ignored(text) else []
    calibration = calibration or Calibration()
    least = -math.inf if math.isinf(false_alarms) else calibration.threshold(false_alarms)
    silent = ignored(text)
    spots = suspicious.spots(model, tokenizer, text, go_on=go_on)
    shown = [spot for spot in spots if spot.score > least and spot.line not in silent]
    if not math.isinf(least):  # few: what a person is told to write has to be a program
        shown = [spot for spot in shown if syntax.refusal(apply(text, spot.edit)) is None]
    return [suspicious.finding(text, path, spot) for spot in shown]


def undeclared(encoding: str, origin: str, path: str) -> Finding | None:
    """A file that Python cannot read, since it does not say what its encoding is; None where Python reads it.

    Args:
        encoding, origin: as `charmer.corpus.decode` found them.
    """
    if origin == "bom" and encoding != "utf-8-sig":
        message = f"Python reads no {encoding}; save this file as UTF-8."
    elif origin == "detected":
        message = (
            "Python reads a file as UTF-8 unless its first line says otherwise, and this one seems to be "
            f"{encoding}; save it as UTF-8, or begin it with `# -*- coding: {encoding} -*-`."
        )
    else:
        return None
    return Finding(path, 1, 1, 1, 2, "encoding", 0.0, message, None)


def ignored(text: str) -> set[int]:
    """The lines, from 1, that carry a comment `# charmer: ignore`; in a text that does not parse, that end in one."""
    if "charmer" not in text:
        return set()
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text, newline="\n").readline))
        return {token.start[0] for token in tokens if token.type == tokenize.COMMENT and IGNORE.search(token.string)}
    except (tokenize.TokenError, SyntaxError, ValueError):
        return {number for number, line in enumerate(text.split("\n"), 1) if IGNORE.search(line)}
