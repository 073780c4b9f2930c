"""Lay the runs of a grid beside one another.

In:  the summary of each cell's run; read with them: models, their tables of steps, and metrics
Out: `table` and `csv` (a row a run), `page` (self-contained HTML), `plots` (SVG), `summary` and `text`
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.pipeline.naming import RESULTS
    from charmer.report import grid, index

    grid.write(Path(snakemake.output.page).parent, RESULTS, snakemake.params.job["settings"])
    index.write(RESULTS)
