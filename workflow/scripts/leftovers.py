"""List, or remove, what under `results/` no present configuration refers to."""

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.pipeline.housekeeping import describe, leftovers, present_plans, remove
    from charmer.pipeline.naming import RESULTS
    from charmer.report import index

    found = leftovers([*snakemake.params.plans, *present_plans(snakemake.params.config)])
    print(describe(found), flush=True)
    if snakemake.params.delete:
        remove(found)
        index.write(RESULTS)
