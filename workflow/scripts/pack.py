"""Choose where windows begin, for one context length and one dataset size.

In:  a split's tokens and documents
Out: `windows` (token positions) and `summary` (counts, padding)
"""

from pathlib import Path

from charmer.pipeline.job import job
from charmer.pipeline.naming import own_names

with job(snakemake):
    from charmer.tokens.pack import pack

    settings = snakemake.params.job["settings"]
    tuning = settings.get("fine_tune")
    pack(
        tokens=Path(snakemake.input.tokens),
        documents=Path(snakemake.input.documents),
        settings=settings["pack"] | ({"own_share": tuning["own_share"], "own": own_names(settings)} if tuning else {}),
        split=snakemake.wildcards.split,
        windows=Path(snakemake.output.windows),
        summary=Path(snakemake.output.summary),
    )
