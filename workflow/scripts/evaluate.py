"""Measure a model by one metric.

In:  the model's folder and the data that the metric names in NEEDS
Out: `table` (metric, slice, value, interval, number of cases, unit)
"""

import importlib
from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.common.files import write_table

    ((metric, knobs),) = snakemake.params.job["settings"]["evaluate"].items()
    data = {name: Path(path) for name, path in snakemake.input.items()}
    table = importlib.import_module(f"charmer.evaluation.{metric}").evaluate(
        model=data.pop("weights").parent, data=data, settings=knobs, threads=snakemake.threads
    )
    write_table(snakemake.output.table, table)
