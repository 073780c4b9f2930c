"""A small corpus from the running interpreter's library, written as `curate` writes it."""

from __future__ import annotations

import tokenize
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from charmer.tokens.storage import PRE_TOKENIZERS
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.vocabulary import learn_bpe

STDLIB = Path(tokenize.__file__).parent


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Thirty modules of the standard library and a few texts in other scripts."""
    modules = []
    for path in sorted(STDLIB.glob("[a-d]*.py"))[:30]:
        with tokenize.open(path) as file:
            modules.append(file.read())
    return [*modules, "# Größe, 長さ, длина\n" * 20, "x = '😀'\n" * 20]


@pytest.fixture(scope="session")
def bpes(texts: list[str]) -> dict[str, Tokenizer]:
    """A BPE vocabulary of 1,000 entries for each pre-tokenizer."""
    return {name: learn_bpe(texts, 1000, name) for name in PRE_TOKENIZERS}


@pytest.fixture(scope="session")
def tokenizers(bpes: dict[str, Tokenizer]) -> dict[str, Tokenizer]:
    """One tokenizer of each kind, bpe with each pre-tokenizer."""
    return {"char": Tokenizer.characters("éß長😀"), "byte": Tokenizer.bytewise(), **bpes}


@pytest.fixture
def write_shards() -> Callable[..., Path]:
    """Returns `write(folder, texts, shards=2)`, which writes texts as documents of one package."""

    def write(folder: Path, texts: Sequence[str], shards: int = 2) -> Path:
        folder.mkdir(parents=True)
        rows = [
            {"text": text, "source": "stdlib", "package": "python", "path": f"module_{index}.py"}
            for index, text in enumerate(texts)
        ]
        schema = pa.schema(
            [("text", pa.large_string()), ("source", pa.string()), ("package", pa.string()), ("path", pa.string())]
        )
        share = -(-len(rows) // shards) or 1
        for number in range(shards):
            table = pa.Table.from_pylist(rows[number * share : (number + 1) * share], schema=schema)
            pq.write_table(table, folder / f"shard-{number:05d}.parquet", write_page_checksum=True)
        return folder

    return write
