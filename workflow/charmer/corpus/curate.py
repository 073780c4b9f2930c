"""Curation: from every file that was scraped to what trains, what is held out, and why the rest left.

Notable here:
- Two passes over the shards. The first judges each file by itself (`charmer.corpus.judge`); then all files are decided
  on; the second pass copies those that stay. No text is held but a row group a worker, and of a file some sixty bytes.
- A corpus of one part is judged here, and its bands are searched here. A larger one was judged part by part and
  searched band by band, by jobs of their own, to the same end: the same bytes, but for the order in which the ledger
  names refused files.
- Each file has exactly one fate, tried in this order: refused, damaged, licence, a filter's reason, known,
  contaminated, exact duplicate, near duplicate, then train, val or test. `counts.json` adds up, or curation fails.
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
from charmer.corpus import candidates, ledger, splits
from charmer.corpus.assemble import write_splits
from charmer.corpus.card import card, sums
from charmer.corpus.fates import Fates, Files, decide
from charmer.corpus.judge import Judged, judge, load

logger = logging.getLogger(__name__)


def curate(sources: list[Path], refused: list[Path], settings: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Curate scraped shards into train, val and test.

    Args:
        sources: folders of shards, as `charmer.corpus.scrape.scrape` writes them.
        refused: the tables of refused files beside them.
        settings: the config's `curate` section; where a model is fitted to a person's own code also `fine_tune`, and
            `start`, that model's folder.
        out: receives train/, val/ and test/ (shard-*.parquet: the scraped columns and `document`, the SHA-256 of the
            text), ledger.parquet (every file's fate), packages.parquet, counts.json and card.json.
        threads: number of processes.

    Raises:
        Failure: a source's folder is not there; no file is left, or too few to hold any out.
    """
    out = Path(out)
    with _work_folder(out) as work:
        judged = work / "judged"
        judge(sources, settings, judged, threads)
        matches = work / "matches"
        candidates.match([judged], candidates.bands(settings["near_duplicates"]), matches)
        _conclude([judged], [matches], refused, settings, out, work, threads)


def conclude(
    judged: list[Path],
    matches: list[Path],
    refused: list[Path],
    settings: dict[str, Any],
    out: Path,
    threads: int = 1,
) -> None:
    """The rest of `curate` where shards were judged and bands were searched before.

    Args:
        judged: folders that `charmer.corpus.judge.judge` wrote, in the order of the sources.
        matches: files that `charmer.corpus.candidates.match` wrote, all bands in one or several.
        refused, settings, out, threads: as for `curate`.

    Raises:
        Failure: no file is left, or too few to hold any out.
    """
    with _work_folder(Path(out)) as work:
        _conclude(judged, matches, refused, settings, Path(out), work, threads)


def _conclude(
    folders: Sequence[Path],
    matches: Sequence[Path],
    refused: Sequence[Path],
    settings: dict[str, Any],
    out: Path,
    work: Path,
    threads: int,
) -> None:
    judged = load(folders)
    files = Files.of(judged)
    groups = candidates.groups(matches, len(files))
    fates = decide(files, judged, groups, settings, work, threads)
    write_splits(files, fates, judged, settings["turn_mb"], work, out, threads)
    _write_tables(fates, judged, refused, out)


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


def _write_tables(fates: Fates, judged: Sequence[Judged], refused: Sequence[Path], out: Path) -> None:
    """Write ledger, packages, counts and card."""
    ledger.write(out / "ledger.parquet", fates, judged, refused)
    counts = {
        **ledger.counts(out / "ledger.parquet"),
        "secrets": ledger.secrets(fates, judged),
        "contaminated": ledger.contaminated(fates, judged),
        "cut": fates.cut.summary(),
    }
    kept_files = sums(fates, judged)
    write_table(out / "packages.parquet", ledger.packages(kept_files))
    write_json(out / "card.json", card(kept_files, fates, judged, counts))
    write_json(out / "counts.json", counts)
    kept = ", ".join(f"{split} {counts['kept'][split]['files']:,} files" for split in splits.SPLITS)
    logger.info(f"curate: {counts['in']['files']:,} files came in; {kept}")
