"""Fit the n-gram cache of a model.

In:  the model's weights, `val_tokens` and `val_documents` of the validation split
Out: `ngram_cache`, JSON: the strengths of the prior
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.training.ngrams import fit

    fit(
        Path(snakemake.input.weights).parent,
        Path(snakemake.input.val_tokens),
        Path(snakemake.input.val_documents),
        Path(snakemake.output.ngram_cache),
        threads=snakemake.threads,
    )
