"""Break the sound code of one split, as people do.

In:  the split's shards
Out: `table` (a row a fault: the text before and after, where, what the interpreter says, and the fix)
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.errors.breaking import make

    make(
        shards=Path(snakemake.input.shards),
        settings=snakemake.params.job["settings"]["break"],
        split=snakemake.wildcards.split,
        table=Path(snakemake.output.table),
        threads=snakemake.threads,
    )
