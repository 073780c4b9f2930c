"""List, or remove, what under `results/` no present configuration refers to."""

from charmer.pipeline.housekeeping import describe, leftovers, present_plans, remove
from charmer.pipeline.job import job
from charmer.pipeline.plan import RESULTS
from charmer.report import index

with job(snakemake):
    found = leftovers([*snakemake.params.plans, *present_plans(snakemake.params.config)])
    print(describe(found), flush=True)
    if snakemake.params.delete:
        remove(found)
        index.write(RESULTS)
