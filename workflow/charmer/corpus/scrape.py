"""Scrape one source: every file found becomes one row of the shards or one line of the refused.

Notable here: files travel in batches to worker processes and come back in order, so the output is the same whatever
the number of workers; a batch whose worker dies is tried again file by file, and the file that kills Python's parser
is refused like any other bad file.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from charmer.common.failure import Failure
from charmer.common.files import write_table
from charmer.common.parallel import WorkerDied, ordered_map
from charmer.common.progress import Progress
from charmer.corpus import sources
from charmer.corpus.found import Found
from charmer.corpus.parts import WHOLE, Part
from charmer.corpus.refusal import Refusal
from charmer.corpus.rows import Batch, Outcome, process
from charmer.corpus.shards import REFUSED, ShardWriter

BATCH_BYTES = 1_000_000
BATCH_FILES = 100


def scrape(
    source: dict[str, Any],
    settings: dict[str, Any],
    shards: Path,
    refused: Path,
    threads: int = 1,
    part: Part = WHOLE,
) -> None:
    """Read all files of a source, or of one part of it, into Parquet shards.

    Args:
        source: one entry of the config's `sources`.
        settings: the config's `scrape` section.
        shards: folder for shard-00000.parquet and so on, columns of charmer.corpus.shards.ROWS; replaced if present.
        refused: Parquet file of what was found and is not in the shards, columns of charmer.corpus.shards.REFUSED.
        threads: number of worker processes; the output does not depend on it. With 1 the work is done in this
            process, where a file that crashes Python's parser ends it.
        part: which part of the source; all parts one after the other hold what the whole holds.

    Raises:
        Failure: the source is not there, or holds no Python at all; or the machine ran out of memory.
    """
    found = sources.files(source, settings, part)
    total = None
    if source["kind"] in sources.ON_DISK:  # their sizes are known before anything is read
        listed = list(found)
        total = sum(file.bytes for file in listed if isinstance(file, Found))
        found = iter(listed)
    refusals: list[Refusal] = []
    rows = 0
    unfinished = shards.with_name(f".{shards.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        batches = _batches(found, source, settings, refusals)
        with (
            closing(ordered_map(process, batches, threads, _one_by_one)) as outcomes,
            ShardWriter(unfinished) as writer,
            Progress(f"scrape {source['name']}", total, "B") as progress,
        ):
            for outcome in outcomes:
                refusals.extend(outcome.refusals)
                for stream in outcome.rows:
                    for record_batch in pa.ipc.open_stream(stream):
                        rows += len(record_batch)
                        writer.add(record_batch)
                progress.advance(outcome.bytes, f"{rows:,} rows, {len(refusals):,} refused")
            if not rows and not refusals and part == WHOLE:
                raise Failure(f"source {source['name']}: holds no Python files; check its path and globs in the config")
        shutil.rmtree(shards, ignore_errors=True)
        unfinished.rename(shards)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    write_table(refused, _refused_table(source["name"], refusals))


def _batches(
    found: Iterator[Found | Refusal], source: dict[str, Any], settings: dict[str, Any], refusals: list[Refusal]
) -> Iterator[Batch]:
    """The files in batches of about a megabyte; what the source itself refused goes straight to `refusals`."""
    limit = sources.largest_file(settings)
    files: list[Found] = []
    size = 0
    for item in found:
        if isinstance(item, Refusal):
            refusals.append(item)
            continue
        files.append(item)
        size += item.bytes if item.bytes <= limit else 0
        if size >= BATCH_BYTES or len(files) >= BATCH_FILES:
            yield Batch(source["name"], bool(source.get("own")), limit, files)
            files, size = [], 0
    if files:
        yield Batch(source["name"], bool(source.get("own")), limit, files)


def _one_by_one(batch: Batch, death: WorkerDied) -> Outcome:
    """What to do with a batch whose worker died: find the file it died on, and keep the rest.

    Raises:
        Failure: the operating system killed the worker, which it does for lack of memory.
    """
    if death.returncode == -signal.SIGKILL:
        raise Failure(
            f"source {batch.source}: a worker was killed, probably for lack of memory; "
            "run with fewer cores, or lower scrape.max_file_mb"
        ) from None
    if len(batch.files) == 1:
        file = batch.files[0]
        refusal = Refusal(file.package.name, file.path, file.bytes, "crashes the parser", f"status {death.returncode}")
        return Outcome([], [refusal], file.bytes)
    single = [batch._replace(files=[file]) for file in batch.files]
    outcomes = list(ordered_map(process, single, 2, _one_by_one))
    return Outcome(
        [stream for outcome in outcomes for stream in outcome.rows],
        [refusal for outcome in outcomes for refusal in outcome.refusals],
        sum(outcome.bytes for outcome in outcomes),
    )


def _refused_table(source: str, refusals: list[Refusal]) -> pa.Table:
    ordered = sorted(refusals)  # those of the listing and those of the reading came mixed
    rows = [{"source": source, **refusal._asdict()} for refusal in ordered]
    return pa.Table.from_pylist(rows, REFUSED)
