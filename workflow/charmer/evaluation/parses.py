"""Does it parse: the share of generated functions that compile, and the share whose names all exist.

The model continues a fixed list of held-out signatures, sampled without any constraint. Each continuation is cut where
its function ends and handed to Python's compiler and to its scope analysis; none of it is ever run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from charmer.evaluation.support import functions, subject
from charmer.evaluation.support.statistics import wilson
from charmer.evaluation.support.table import Row, table
from charmer.inference.generate import generate

NEEDS = ("test_shards",)


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "compiles", "names exist" (which implies the first), "ends in time" (before the limit of tokens).

    Args:
        model: the model's folder.
        data: `test_shards`, the folder of the test split's Parquet shards.
        settings: functions, max_tokens, temperature, seed.
        threads: of the CPU.

    The detail of "compiles" holds every function: name, package, prompt, text, compiles, unknown names.
    """
    network, tokenizer = subject.load(model, threads)
    room = network.config.context_length - settings["max_tokens"]

    def fits(prompt: str) -> bool:
        return len(prompt) < 4000 and len(tokenizer.encode(prompt)) <= max(room, network.config.context_length // 2)

    chosen = functions.held_out(data["test_shards"], settings["functions"], fits)
    prompts = [[tokenizer.eof, *tokenizer.encode(signature.prompt).tolist()] for signature in chosen]
    outputs = generate(
        network,
        tokenizer,
        prompts,
        max_tokens=settings["max_tokens"],
        temperature=settings["temperature"],
        seed=settings["seed"],
    )
    judged: list[dict[str, Any]] = []
    ended = 0
    for signature, output in zip(chosen, outputs, strict=True):
        continuation = tokenizer.decode([id_ for id_ in output if id_ != tokenizer.eof])
        finished = len(output) < settings["max_tokens"] or any(functions.cuts(signature.prompt, continuation))
        text = functions.function_of(signature.prompt, continuation, finished)
        compiles = functions.compiles(text) and functions.has_body(text)
        ended += finished
        judged.append(
            {"name": signature.name, "package": signature.package, "prompt": signature.prompt, "text": text}
            | {"compiles": compiles, "unknown": functions.unknown_names(text, signature.known) if compiles else None}
        )
    cases = len(judged)
    counts = {
        "compiles": sum(function["compiles"] for function in judged),
        "names exist": sum(function["unknown"] == [] for function in judged),
        "ends in time": ended,
    }
    return table(
        "parses",
        [
            Row(name, count / cases, wilson(count, cases), cases, "share", {"functions": judged} if not row else None)
            for row, (name, count) in enumerate(counts.items())
        ],
    )
