"""List, or remove, what under `results/` no present configuration or grid refers to."""

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.pipeline.housekeeping import describe, leftovers, present_grids, present_plans, remove
    from charmer.pipeline.naming import RESULTS
    from charmer.report import index

    config = snakemake.params.config
    found = leftovers(
        [*snakemake.params.plans, *present_plans(config)], [*snakemake.params.grids, *present_grids(config)]
    )
    print(describe(found), flush=True)
    if snakemake.params.delete:
        remove(found)
        index.write(RESULTS)
