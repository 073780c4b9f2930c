"""Scrape one source, or a part of it.

In:  the files that the source's globs select
Out: `shards` (Parquet, a row a file), `refused` (a row a file that could not be taken, with the reason)
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.corpus.parts import Part
    from charmer.corpus.scrape import scrape

    settings = snakemake.params.job["settings"]
    scrape(
        source=settings["source"],
        settings=settings["scrape"],
        shards=Path(snakemake.output.shards),
        refused=Path(snakemake.output.refused),
        threads=snakemake.threads,
        part=Part(*snakemake.params.part),
    )
