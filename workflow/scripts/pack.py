"""Choose where windows begin, for one context length and one dataset size.

In:  a split's tokens and documents
Out: `windows` (token positions) and `summary` (counts, padding)
"""

from pathlib import Path

from charmer.pipeline.job import job

with job(snakemake):
    from charmer.tokens.pack import pack

    pack(
        tokens=Path(snakemake.input.tokens),
        documents=Path(snakemake.input.documents),
        settings=snakemake.params.job["settings"]["pack"],
        split=snakemake.wildcards.split,
        windows=Path(snakemake.output.windows),
        summary=Path(snakemake.output.summary),
    )
