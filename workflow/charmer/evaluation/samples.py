"""What the model writes when asked: a few fixed prompts, continued. These are for the eye, not for comparison.

Blanks at a prompt's end are left to the model, whose tokens may hold a newline together with the blanks behind it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from charmer.evaluation.support import functions, subject
from charmer.evaluation.support.table import Row, table
from charmer.inference.generate import generate

NEEDS = ()


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """One slice a prompt; the value is 1 where the result compiles.

    Args:
        model: the model's folder.
        data: nothing of it is used.
        settings: prompts, max_tokens, temperature, seed.
        threads: of the CPU.

    The detail holds prompt, completion (up to where its definition ends) and whether it compiles.
    """
    network, tokenizer = subject.load(model, threads)
    prompts = [prompt.rstrip() for prompt in settings["prompts"]]
    outputs = generate(
        network,
        tokenizer,
        [[tokenizer.eof, *tokenizer.encode(prompt).tolist()] for prompt in prompts],
        max_tokens=settings["max_tokens"],
        temperature=settings["temperature"],
        seed=settings["seed"],
    )
    rows = []
    for number, (prompt, output) in enumerate(zip(prompts, outputs, strict=True), start=1):
        continuation = tokenizer.decode([id_ for id_ in output if id_ != tokenizer.eof])
        text = functions.function_of(prompt, continuation, len(output) < settings["max_tokens"])
        compiles = functions.compiles(text)
        detail = {"prompt": prompt, "completion": text[len(prompt) :].rstrip() + "\n", "compiles": compiles}
        rows.append(Row(f"prompt={number}", float(compiles), None, 1, "share", detail))
    return table("samples", rows)
