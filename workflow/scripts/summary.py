"""Print what the present configuration's run amounts to."""

from charmer.pipeline.job import job
from charmer.report.summary import text

with job(snakemake):
    print("\n" + text(snakemake.params.run), flush=True)
