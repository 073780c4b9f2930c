"""Lay two finished runs beside one another.

In:  what lies on disk of both runs; no rule makes it for this one
Out: `page` (self-contained HTML), `plots` (SVG), `text` (for the terminal); beside them `results/index.html`
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.pipeline.naming import RESULTS
    from charmer.report import compare, index

    one, other = snakemake.params.job["settings"]["runs"]
    compare.write(Path(snakemake.output.page).parent, RESULTS, one, other)
    index.write(RESULTS)
