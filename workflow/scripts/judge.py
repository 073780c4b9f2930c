"""Judge each file of a part of a source by itself.

In:  the part's shards
Out: a folder of judgements, band keys and shingles
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.corpus.judge import judge

    judge(
        shards=[Path(snakemake.input[0])],
        settings=snakemake.params.job["settings"]["curate"],
        out=Path(snakemake.output[0]),
        threads=snakemake.threads,
    )
