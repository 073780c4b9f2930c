"""Does it parse: the share of generated functions that compile, and the share whose names all exist.

The model continues a fixed list of held-out signatures, sampled without any constraint. Each continuation is cut where
its function ends and handed to Python's compiler and to its scope analysis; none of it is ever run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from charmer.evaluation.support import functions, subject, writing
from charmer.evaluation.support.cases import case_id, share
from charmer.evaluation.support.table import table

NEEDS = ("test_shards",)


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "compiles", "names exist" (which implies the first), "ends in time" (before the limit).

    Args:
        model: the model's folder.
        data: `test_shards`, the folder of the test split's Parquet shards.
        settings: functions, max_bytes, temperature, seed.
        threads: of the CPU.

    The detail of "compiles" holds every function: name, package, prompt, text, compiles, unknown names.
    """
    network, tokenizer = subject.load(model, threads)
    chosen = functions.held_out(data["test_shards"], settings["functions"])
    prompts = [signature.prompt for signature in chosen]
    judged: list[dict[str, Any]] = []
    ended: list[bool] = []
    for signature, written in zip(
        chosen, writing.definitions(network, tokenizer, prompts, settings, "function"), strict=True
    ):
        compiles = functions.compiles(written.text) and functions.has_body(written.text)
        ended.append(written.ended)
        judged.append(
            {"name": signature.name, "package": signature.package, "prompt": signature.prompt, "text": written.text}
            | {
                "compiles": compiles,
                "unknown": functions.unknown_names(written.text, signature.known) if compiles else None,
            }
        )
    ids = [case_id(signature.package, signature.path, signature.prompt) for signature in chosen]
    found = [
        share("compiles", [function["compiles"] for function in judged], ids, "functions", functions=judged),
        share("names exist", [function["unknown"] == [] for function in judged], ids, "functions"),
        share("ends in time", ended, ids, "functions"),
    ]
    return table("parses", found)
