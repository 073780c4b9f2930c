"""Train a model.

In:  windows, tokens and documents of train and val, and the tokenizer
Out: weights, configuration and tokenizer in one folder, `metrics` (a row a step), `held_out`, `summary`

Checkpoints lie in a folder of their own, since Snakemake deletes the outputs of a job that fails. They are gone on
with only by a job of the same settings, code and data. With several GPUs (`train.ranks`) or nodes (the resource
`nodes`) this starts a process on each.
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.common.files import sha256_of
    from charmer.pipeline.naming import RESULTS, digest
    from charmer.training.launch import launch

    data = {name: Path(path) for name, path in snakemake.input.items()}
    out = Path(snakemake.output.weights).parent
    launch(
        data=data,
        settings=snakemake.params.job["settings"],
        out=out,
        checkpoints=RESULTS / "checkpoints" / out.name,
        threads=snakemake.threads,
        nodes=snakemake.resources.get("nodes", 1),
        gpus=snakemake.resources.get("gpu", 0),
        identity=digest([snakemake.params.job, {name: sha256_of(path) for name, path in data.items()}]),
    )
