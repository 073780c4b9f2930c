"""Put the run's model into the folder in which it ships.

In:  the model's folder, all tables of the run, the corpus' tables and training shards, tokens of the test split
Out: the folder that `release.folder` names; no output of the rule, since Snakemake would delete the release that is
     there before the new one is whole, and would take one that was cloned for finished work
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.release.build import release

    told = release(
        folder=Path(snakemake.params.folder),
        inputs={name: Path(path) for name, path in snakemake.input.items()},
        settings=snakemake.params.job["settings"],
        most_mb=snakemake.params.most_mb,
        threads=snakemake.threads,
    )
    print("\n" + told, flush=True)
