"""Make the vocabulary from the training shards, or copy that of the model that the run starts from.

In:  `train` shards
Out: `tokenizer` (JSON) and `statistics` (bytes per token, most frequent and longest entries)
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.tokens.vocabulary import build

    build(
        train=Path(snakemake.input.train),
        settings=snakemake.params.job["settings"]["vocab"],
        out=Path(snakemake.output.tokenizer),
        statistics=Path(snakemake.output.statistics),
        start=snakemake.params.job["settings"].get("start", ""),
    )
