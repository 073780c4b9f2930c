"""Find files that may be alike: those that meet in some of the bands.

In:  all parts, judged
Out: pairs of files
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.corpus.candidates import bands, match

    first, shares = snakemake.params.share
    match(
        folders=[Path(path) for path in snakemake.input],
        among=bands(snakemake.params.job["settings"]["curate"]["near_duplicates"])[first::shares],
        out=Path(snakemake.output[0]),
    )
