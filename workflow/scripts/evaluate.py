"""Measure a model by one metric.

In:  the model's folder and the data that the metric names in NEEDS
Out: `table` (metric, slice, value, interval, number of cases, unit)

A metric that fails for a reason that can be named is a gap in the report, with the reason: the others are shown all the
same. It is measured again when something that it reads has changed, or by `--forcerun evaluate`.
"""

import importlib
import logging
from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.common.failure import Failure
    from charmer.common.files import write_table
    from charmer.evaluation.support.table import gap

    ((metric, knobs),) = snakemake.params.job["settings"]["evaluate"].items()
    data = {name: Path(path) for name, path in snakemake.input.items()}
    try:
        table = importlib.import_module(f"charmer.evaluation.{metric}").evaluate(
            model=data.pop("weights").parent, data=data, settings=knobs, threads=snakemake.threads
        )
    except Failure as failure:
        logging.getLogger("charmer").warning("%s is a gap in the report: %s", metric, failure)
        table = gap(str(failure))
    write_table(snakemake.output.table, table)
