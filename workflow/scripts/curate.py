"""Filter, deduplicate, scrub and split the files of all sources.

In:  every source's shards and its table of refused files
Out: `train`, `val` and `test` shards, `ledger` (where each file went), `packages`, `card` and `counts`
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.corpus.curate import curate

    curate(
        sources=[Path(path) for path in snakemake.input.shards],
        refused=[Path(path) for path in snakemake.input.refused],
        settings=snakemake.params.job["settings"]["curate"],
        out=Path(snakemake.output.counts).parent,
        threads=snakemake.threads,
    )
