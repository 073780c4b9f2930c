"""What the model writes when asked: a few fixed prompts, continued. These are for the eye, not for comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from charmer.evaluation.support import functions, subject, writing
from charmer.evaluation.support.table import Row, table

NEEDS = ()


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """One slice a prompt; the value is 1 where the result compiles.

    Args:
        model: the model's folder.
        data: nothing of it is used.
        settings: prompts, max_bytes, temperature, seed.
        threads: of the CPU.

    The detail holds prompt, completion (up to where its definition ends) and whether it compiles.
    """
    network, tokenizer = subject.load(model, threads)
    prompts = [prompt.rstrip() for prompt in settings["prompts"]]
    rows = []
    written = writing.definitions(network, tokenizer, prompts, settings, "sample")
    for number, (prompt, (text, _)) in enumerate(zip(prompts, written, strict=True), start=1):
        compiles = functions.compiles(text)
        detail = {"prompt": prompt, "completion": text[len(prompt) :].rstrip() + "\n", "compiles": compiles}
        rows.append(Row(f"prompt={number}", float(compiles), None, 1, "share", detail))
    return table("samples", rows)
