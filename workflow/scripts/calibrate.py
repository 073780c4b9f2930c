"""Set the threshold of `charmer check` for a model.

In:  the model's weights, `shards` of the validation split, `train` of the training split
Out: `calibration`, JSON: scores of what would have been said of sound code
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.errors.calibrate import calibrate

    calibrate(
        Path(snakemake.input.weights).parent,
        Path(snakemake.input.shards),
        Path(snakemake.input.train),
        Path(snakemake.output.calibration),
        threads=snakemake.threads,
    )
