"""Encode the documents of one split.

In:  the split's shards and the tokenizer
Out: `tokens` (one flat array, an end-of-file token after each document) and `documents` (where each one begins)
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.tokens.encode import encode

    encode(
        shards=Path(snakemake.input.shards),
        tokenizer=Path(snakemake.input.tokenizer),
        tokens=Path(snakemake.output.tokens),
        documents=Path(snakemake.output.documents),
        threads=snakemake.threads,
    )
