"""Curation: from every file that was scraped to what trains, what is held out, and why the rest left.

Notable here:
- Two passes over the shards. The first judges each file by itself and keeps metadata only; then all files are
  decided on at once; the second pass copies those that stay. No text is held but a row group a worker.
- Each file has exactly one fate, tried in this order: refused, damaged, licence, a filter's reason, contaminated,
  exact duplicate, near duplicate, then train, val or test. `counts.json` adds up, or curation fails.
- Output is in the order of the documents' digests, a random one; in train, packages take turns. So any prefix, which is
  what a data set is, is balanced by package. A file that is added moves no other, but for those of its own package that
  it pushes over the border of a turn (`charmer.corpus.assemble`).
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from charmer.common.files import write_json, write_table
from charmer.common.parallel import ordered_map
from charmer.common.progress import Progress
from charmer.corpus import ledger, splits, survey
from charmer.corpus.assemble import write_splits
from charmer.corpus.card import card
from charmer.corpus.fates import Fates, Files, decide

logger = logging.getLogger(__name__)


def curate(sources: list[Path], refused: list[Path], settings: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Curate scraped shards into train, val and test.

    Args:
        sources: folders of shards, as `charmer.corpus.scrape.scrape` writes them.
        refused: the tables of refused files beside them.
        settings: the config's `curate` section.
        out: receives train/, val/ and test/ (shard-*.parquet: the scraped columns and `document`, the SHA-256 of the
            text), ledger.parquet (every file's fate), packages.parquet, counts.json and card.json.
        threads: number of processes.

    Raises:
        Failure: a source's folder is not there; no file is left, or too few to hold any out.
    """
    out = Path(out)
    with _work_folder(out) as work:
        surveys, broken = _survey(sources, settings, work, threads)
        files = Files.of(surveys)
        surveys = [one.emptied() for one in surveys]
        fates = decide(files, settings, work)
        write_splits(files, fates, surveys, settings["turn_mb"], work, out, threads)
        _write_tables(files, fates, surveys, broken, refused, out)


@contextlib.contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """A folder for intermediate files in `out`, empty at the beginning and gone at the end, like older outputs."""
    work = out / ".work"
    for folder in (work, *(out / split for split in splits.SPLITS)):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _survey(
    sources: Sequence[Path], settings: dict[str, Any], work: Path, threads: int
) -> tuple[list[survey.Survey], list[tuple[Path, str]]]:
    todo, broken = survey.units(sources)
    for shard, why in broken:
        logger.warning(f"{shard}: cannot be read and is left out ({why}); delete it and scrape again")
    found = []
    with Progress("curate: judge files", total=sum(unit.rows for unit in todo), unit="file") as progress:
        for one in ordered_map(survey.survey, [(unit, settings, work) for unit in todo], threads):
            found.append(one)
            progress.advance(one.unit.rows)
            if one.damaged:
                where = f"row group {one.unit.row_group}"
                logger.warning(f"{one.unit.shard}: {where} is damaged and left out ({one.damaged}); scrape again")
    return found, broken


def _write_tables(
    files: Files,
    fates: Fates,
    surveys: Sequence[survey.Survey],
    broken: Sequence[tuple[Path, str]],
    refused: Sequence[Path],
    out: Path,
) -> None:
    """Write ledger, packages, counts and card."""
    every_file = ledger.ledger(files, fates, surveys, broken, refused)
    counts = {
        **ledger.counts(every_file),
        "refused_for": ledger.refused_for(every_file),
        "secrets": ledger.secrets(files, fates),
        "contaminated": ledger.contaminated(files, fates),
        "cut": fates.cut.summary(),
    }
    write_table(out / "ledger.parquet", every_file)
    write_table(out / "packages.parquet", ledger.packages(files, fates))
    write_json(out / "card.json", card(files.table, fates, counts))
    write_json(out / "counts.json", counts)
    kept = ", ".join(f"{split} {counts['kept'][split]['files']:,} files" for split in splits.SPLITS)
    logger.info(f"curate: {counts['in']['files']:,} files came in; {kept}")
