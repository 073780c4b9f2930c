"""Shards that tests write themselves, as scrape would, and code to fill them with."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml
from charmer.common.files import write_table
from charmer.corpus.shards import REFUSED, ROWS

ROOT = Path(__file__).parents[2]


def settings(**changes: Any) -> dict[str, Any]:
    """The shipped config's `curate` section, changed in some knobs."""
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())["curate"] | changes


def code(seed: int, lines: int = 30) -> str:
    """Different code for each seed: no two share more than a shingle or so."""
    chance = random.Random(seed)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(40)]
    body = [f"    {chance.choice(words)} = {chance.choice(words)}({chance.choice(words)})\n" for _ in range(lines)]
    return f"def {chance.choice(words)}({chance.choice(words)}):\n" + "".join(body)


def row(text: str, path: str, package: str | None = "one", **changes: Any) -> dict[str, Any]:
    data = text.encode()
    return {
        "text": text, "source": "here", "package": package, "version": "1.0", "path": path, "licence": "MIT",
        "licence_from": "metadata", "own": False, "encoding": "utf-8", "encoding_from": "utf-8", "replaced": 0,
        "newline": "lf", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "parses": True,
        "syntax_error": None, "kind": "py", **changes,
    }  # fmt: skip


def scraped(
    folder: Path, rows: list[dict[str, Any]], refused: list[dict[str, Any]] | None = None, shards: int = 2
) -> tuple[list[Path], list[Path]]:
    """Write rows as a source's shards, as scrape does; return what `curate` takes."""
    for number in range(shards):
        table = pa.Table.from_pylist(rows[number::shards], schema=ROWS)
        write_table(folder / "shards" / f"shard-{number:05d}.parquet", table)
    write_table(folder / "refused.parquet", pa.Table.from_pylist(refused or [], schema=REFUSED))
    return [folder / "shards"], [folder / "refused.parquet"]
