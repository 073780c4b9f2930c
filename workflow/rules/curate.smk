# curate: all shards -> train, val and test shards, and where every file went. A corpus above scatter.part_mb is judged
# part by part (judge) and searched for near duplicates band by band (match) before; a smaller one is one job.


MOST_MATCHES = 22  # bands of signatures, and one of equal documents


def matches_of(corpus):
    """In how many jobs a corpus' bands are searched: as many as it has parts, and at most one a band."""
    return min(MOST_MATCHES, len(parts_of(corpus)))


rule judge:
    input:
        "results/sources/{source}{part}/shards",
    output:
        temp(directory("results/corpus/{corpus}/judged/{source}{part}/files")),
    log:
        "results/corpus/{corpus}/judged/{source}{part}/judge.log",
    benchmark:
        "results/corpus/{corpus}/judged/{source}{part}/benchmark.tsv"
    threads: EACH
    resources:
        mem_mb=memory(2000),
        runtime=minutes(120),
    params:
        job=lambda wildcards: CATALOGUE.job("corpus", wildcards.corpus, "judge.py"),
    script:
        "../scripts/judge.py"


rule match:
    input:
        lambda wildcards: [
            f"results/corpus/{wildcards.corpus}/judged/{part}/files"
            for part in parts_of(wildcards.corpus)
        ],
    output:
        temp("results/corpus/{corpus}/matches/{share}.i64"),
    log:
        "results/corpus/{corpus}/matches/{share}.log",
    benchmark:
        "results/corpus/{corpus}/matches/{share}.benchmark.tsv"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(120),
    params:
        job=lambda wildcards: CATALOGUE.job("corpus", wildcards.corpus, "match.py"),
        share=lambda wildcards: [int(wildcards.share), matches_of(wildcards.corpus)],
    script:
        "../scripts/match.py"


def curated(corpus):
    """What curation of a corpus reads."""
    found = parts_of(corpus)
    inputs = {
        "shards": [f"results/sources/{part}/shards" for part in found],
        "refused": [f"results/sources/{part}/refused.parquet" for part in found],
    }
    if CATALOGUE.scattered(CATALOGUE.plan("corpus", corpus)):
        folder = f"results/corpus/{corpus}"
        inputs["judged"] = [f"{folder}/judged/{part}/files" for part in found]
        inputs["matches"] = [
            f"{folder}/matches/{share}.i64" for share in range(matches_of(corpus))
        ]
    return inputs


rule curate:
    input:
        unpack(lambda wildcards: curated(wildcards.corpus)),
    output:
        **{split: directory(f"results/corpus/{{corpus}}/{split}") for split in SPLITS},
        ledger="results/corpus/{corpus}/ledger.parquet",
        packages="results/corpus/{corpus}/packages.parquet",
        card="results/corpus/{corpus}/card.json",
        counts="results/corpus/{corpus}/counts.json",
        settings="results/corpus/{corpus}/settings.json",
    log:
        "results/corpus/{corpus}/curate.log",
    benchmark:
        "results/corpus/{corpus}/benchmark.tsv"
    threads: CORES
    resources:
        mem_mb=memory(2000, per_mb=1),
        runtime=minutes(60, per_mb=0.5),
    params:
        job=lambda wildcards: CATALOGUE.job("corpus", wildcards.corpus, "curate.py"),
    script:
        "../scripts/curate.py"
