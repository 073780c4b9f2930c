"""Write a model in the format of another program.

In:  the model's folder
Out: `files`, the folder that the other program opens
"""

import importlib
from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    ((to, knobs),) = snakemake.params.job["settings"]["export"].items()
    module = importlib.import_module(f"charmer.export.{to}")
    module.write(Path(snakemake.input.weights).parent, Path(snakemake.output.files), knobs.get("type", module.TYPES[0]))
