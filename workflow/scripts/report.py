"""Make a run's page, plots and headline numbers, and the index of all runs anew.

In:  all tables of the run
Out: `page` (self-contained HTML), `plots` (SVG), `summary` (JSON); beside them `results/index.html`
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.pipeline.naming import RESULTS
    from charmer.report import index, page

    page.write(
        run=Path(snakemake.output.summary).parent,
        inputs={name: Path(path) for name, path in snakemake.input.items()},
        settings=snakemake.params.job["settings"],
    )
    index.write(RESULTS)
