"""A corpus above scatter.part_mb: jobs by part and by band, and the result of the one job that curates a small one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from project import Project

SMALL = {"scatter": "{part_mb: 0.1}"}
HOLD_TIMES = {".log", ".tsv"}


def curated(project: Project) -> dict[str, str]:
    (corpus,) = project.folder.glob("results/corpus/*")
    files = [
        path
        for path in sorted(corpus.rglob("*"))
        if path.is_file() and not {path.suffix} & HOLD_TIMES and not path.name.startswith(".")
    ]
    return {str(path.relative_to(corpus)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*.py")) / 1e6


def test_a_scattered_corpus_is_the_same_to_the_byte_and_its_jobs_are_not_run_again(fresh: Project):
    parts = {name: -int(-megabytes(fresh.folder / name) // 0.1) for name in ("one", "two")}
    assert min(parts.values()) >= 2
    several = sum(parts.values())
    result = fresh.snakemake("corpus")
    assert result.returncode == 0, result.stderr
    before = curated(fresh)
    assert fresh.scheduled("corpus", config=SMALL) == {
        "scrape": several, "judge": several, "match": several, "curate": 1, "corpus": 1,
    }  # fmt: skip
    result = fresh.snakemake("corpus", config=SMALL)
    assert result.returncode == 0, result.stderr
    assert curated(fresh) == before, "the parts' judgements are removed when curation has read them"
    assert fresh.scheduled("corpus", config=SMALL) == {}
    longer = fresh.scheduled("corpus", config={**SMALL, "curate": "{max_line_length: 400}"})
    assert longer == {"judge": several, "match": several, "curate": 1, "corpus": 1}
