"""Filter, deduplicate, scrub and split the files of all sources.

In:  every source's shards and its table of refused files; of a large corpus, what judge and match made of them
Out: `train`, `val` and `test` shards, `ledger` (where each file went), `packages`, `card` and `counts`
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.corpus.curate import conclude, curate

    settings = snakemake.params.job["settings"]
    common = {
        "refused": [Path(path) for path in snakemake.input.refused],
        "settings": settings["curate"] | {name: settings[name] for name in ("fine_tune", "start") if name in settings},
        "out": Path(snakemake.output.counts).parent,
        "threads": snakemake.threads,
    }
    if "judged" in snakemake.input.keys():  # noqa: SIM118 - Snakemake's Namedlist is no mapping
        judged, matches = snakemake.input.judged, snakemake.input.matches
        conclude([Path(path) for path in judged], [Path(path) for path in matches], **common)
    else:
        curate([Path(path) for path in snakemake.input.shards], **common)
