"""How long the data half of the pipeline takes, and how much memory: a table, stage by stage, beside its limits.

    python tests/benchmarks/corpus.py OUT                    200 MB of what is installed here, some 13,000 files
    python tests/benchmarks/corpus.py OUT --copies 1 5 20    also 1 and 4 GB, the same with mutated copies: what grows
                                                             with the corpus, and with which exponent
    python tests/benchmarks/corpus.py OUT --mb 5             a small part: does the benchmark itself work?

Three copies in four have all their longer words changed: no file of them is a near duplicate of another copy's. In the
fourth one word in eighty is changed, or, once, only the layout: there nearly every file is one.

Stages run as the workflow's jobs do, each in a process of its own: a corpus above scatter.part_mb is scraped and judged
part by part. Seconds are wall clock and processor time, of all jobs of a stage one after the other; memory is the
highest sum, over a job's process and its children, of what belongs to each alone plus its share of what they share
(PSS). The exponent of a figure is the slope of its logarithm over that of the corpus' size, by least squares.

Exits with 1 where a stage went past a limit. Less than 200 MB is not judged: there the start of a process counts most.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import multiprocessing
import re
import resource
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import psutil

ROOT = Path(__file__).parents[2]
CURATE = ("judge", "match", "conclude")
TOKENS = ("vocab", "encode and pack")
LIMITS = {"scrape": 20, "curate": 90, "vocab": 20, "encode and pack": 25}  # seconds, for 200 MB on two cores
LIMIT_MB = 200
MEMORY = 2000  # MB, however large the corpus
GROWTH = 6 / 5  # times the seconds for each time the corpus
SPLITS = ("train", "val", "test")

Source = dict[str, Any]
Calls = list[tuple[str, dict[str, Any]]]


class Figures(NamedTuple):
    """One stage: seconds of wall clock and of processor time, peak MB, and the number of its jobs."""

    seconds: float
    processor: float
    memory: float
    jobs: int = 1


def settings() -> dict[str, Any]:
    from charmer.pipeline.settings import read, resolve

    return resolve(read(ROOT / "config/config.yaml"))


def call(name: str, arguments: dict[str, Any]) -> None:
    module, _, function = name.rpartition(".")
    importlib.import_module(module).__dict__[function](**arguments)


def measured(calls: Calls) -> Figures:
    """A stage's library calls one after the other, each in a process of its own."""
    each = [_measured(name, arguments) for name, arguments in calls]
    return together(each)


def together(each: list[Figures]) -> Figures:
    """Jobs one after the other as one."""
    sums = [sum(values) for values in zip(*each, strict=True)]
    return Figures(sums[0], sums[1], max(one.memory for one in each), int(sums[3]))


def _measured(name: str, arguments: dict[str, Any]) -> Figures:
    process = multiprocessing.get_context("spawn").Process(target=call, args=(name, arguments))
    peak = 0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = threading.Event()
    started = time.monotonic()
    process.start()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.1):
            total = 0
            try:
                parent = psutil.Process(process.pid)
                for member in [parent, *parent.children(recursive=True)]:
                    total += getattr(member.memory_full_info(), "pss", member.memory_info().rss)
            except psutil.Error:
                continue
            peak = max(peak, total)

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.join()
    seconds = time.monotonic() - started
    done.set()
    watcher.join()
    if process.exitcode:
        raise SystemExit(f"{name} ended with {process.exitcode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figures(seconds, processor, max(peak / 1e6, 1.0))


def installed(megabytes: float, knobs: dict[str, Any]) -> tuple[list[Source], list[Any]]:
    """The standard library and whole packages in a fixed random order, as many as fit: the sources, and their files."""
    from charmer.corpus.found import Found
    from charmer.corpus.sources import files

    stdlib: Source = {"name": "stdlib", "kind": "stdlib"}
    distributions: Source = {"name": "installed", "kind": "distributions", "packages": ["all"]}
    packages: dict[str, list[Any]] = {}
    for source in (stdlib, distributions):
        for file in files(source, knobs):
            if isinstance(file, Found) and file.package.name:
                packages.setdefault(file.package.name, []).append(file)
    library, *others = packages
    chosen: dict[str, list[Any]] = {}
    left = megabytes * 1e6
    for name in [library, *sorted(others, key=lambda name: hashlib.sha256(name.encode()).digest())]:
        size = sum(file.bytes for file in packages[name])
        if size <= left:
            chosen[name] = packages[name]
            left -= size
    sources = [stdlib] if library in chosen else []
    names = sorted(set(chosen) - {library})
    return [*sources, distributions | {"packages": names}], [file for part in chosen.values() for file in part]


LONG = re.compile(r"\b([a-z]{5,})\b")
SEEN_THROUGH = 4  # one copy in so many is a near duplicate of the original


def write_copies(out: Path, files: list[Any], copies: list[int]) -> list[Source]:
    """Mutated copies of `files`, a directory source for each step of `copies`; what an earlier call wrote is taken."""
    steps = [
        (f"copies{upto}", range(begin, upto)) for begin, upto in zip([1, *copies], copies, strict=False) if upto > 1
    ]
    missing = [(name, numbers) for name, numbers in steps if not (out / name).exists()]
    for file in files if missing else ():
        text = Path(file.place).read_bytes().decode("utf-8", "replace")
        # One pass finds the words; then a copy is one replacement of the mark.
        every = LONG.sub("\\1_\x01", text)
        words = LONG.split(text)
        for at in range(81, len(words), 160):
            words[at] += "_\x01"
        few = "".join(words)
        for name, numbers in missing:
            for number in numbers:
                changed = every if number % SEEN_THROUGH != 2 else few if number != 10 else text.replace("    ", "\t")
                target = out / f"{name}.part" / f"copy{number}" / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(changed.replace("\x01", chr(96 + number)), encoding="utf-8")
    for name, _ in missing:
        (out / f"{name}.part").rename(out / name)
    return [{"name": name, "kind": "directory", "path": str(out / name), "own": True} for name, _ in steps]


def stages(out: Path, sources: list[Source], knobs: dict[str, Any], threads: int) -> dict[str, Calls]:
    """The library calls of each stage, in order: one for each job of the workflow."""
    from charmer.corpus import candidates, parts
    from charmer.corpus.sources import listed

    part_mb = knobs["scatter"]["part_mb"]
    sizes = [listed(source, knobs["scrape"]).bytes for source in sources]
    jobs = [
        (source, parts.Part(at, parts.count(size, part_mb)), out / source["name"] / str(at))
        for source, size in zip(sources, sizes, strict=True)
        for at in range(parts.count(size, part_mb))
    ]
    if sum(sizes) <= part_mb * 1e6:
        judge = [("judged", [folder / "shards" for _, _, folder in jobs])]
        shares = 1
    else:
        judge = [(f"judged/{folder.parent.name}-{folder.name}", [folder / "shards"]) for _, _, folder in jobs]
        shares = min(len(candidates.bands(1)), len(jobs))
    judged = [out / folder for folder, _ in judge]
    matches = [out / f"matches-{share}.i64" for share in range(shares)]
    bands = candidates.bands(knobs["curate"]["near_duplicates"])
    concluded = {
        "judged": judged,
        "matches": matches,
        "refused": [folder / "refused.parquet" for _, _, folder in jobs],
        "settings": knobs["curate"],
        "out": out / "corpus",
        "threads": threads,
    }
    vocabulary = {"out": out / "tokenizer.json", "statistics": out / "statistics.json"}
    encoded = [
        {"shards": out / "corpus" / split, "tokenizer": out / "tokenizer.json", "threads": threads}
        | {"tokens": out / f"{split}.npy", "documents": out / f"{split}.parquet"}
        for split in SPLITS
    ]
    packed = {
        "tokens": out / "train.npy",
        "documents": out / "train.parquet",
        "settings": {**knobs["pack"], "dataset_mb": 100_000.0},
        "split": "train",
        "windows": out / "windows.npy",
        "summary": out / "windows.json",
    }
    return {
        "digest of what is on disk": [
            ("charmer.corpus.sources.digest", {"source": source, "settings": knobs["scrape"]}) for source in sources
        ],
        "scrape": [
            (
                "charmer.corpus.scrape.scrape",
                {"source": source, "settings": knobs["scrape"], "threads": threads, "part": part}
                | {"shards": folder / "shards", "refused": folder / "refused.parquet"},
            )
            for source, part, folder in jobs
        ],
        "judge": [
            (
                "charmer.corpus.judge.judge",
                {"shards": shards, "settings": knobs["curate"], "out": out / folder, "threads": threads},
            )
            for folder, shards in judge
        ],
        "match": [
            ("charmer.corpus.candidates.match", {"folders": judged, "among": bands[share::shares], "out": path})
            for share, path in enumerate(matches)
        ],
        "conclude": [("charmer.corpus.curate.conclude", concluded)],
        "vocab": [
            (
                "charmer.tokens.vocabulary.build",
                {"train": out / "corpus/train", "settings": knobs["vocab"], **vocabulary},
            )
        ],
        "encode and pack": [
            *(("charmer.tokens.encode.encode", arguments) for arguments in encoded),
            ("charmer.tokens.pack.pack", packed),
        ],
    }


def seen_through(out: Path) -> dict[str, float]:
    """The share of the copies' files that curation takes for one with their original: it keeps one, or neither for the
    sake of a third. Of those that, like their original, no other reason removed."""
    import pyarrow.parquet as pq

    among = {*SPLITS, "exact duplicate", "near duplicate"}
    table = pq.read_table(out / "corpus/ledger.parquet", columns=["path", "fate", "matched_path"]).to_pydict()
    kept = {
        path: matched or path
        for path, fate, matched in zip(table["path"], table["fate"], table["matched_path"], strict=True)
        if fate in among
    }
    found: dict[str, list[bool]] = {}
    for path, stands in kept.items():
        copy, _, original = path.partition("/")
        if re.fullmatch("copy[0-9]+", copy) and original in kept:
            few = int(copy.removeprefix("copy")) % SEEN_THROUGH == 2
            kind = "few words or the layout changed" if few else "every longer word changed"
            found.setdefault(kind, []).append(kept[original] == stands)
    return {kind: sum(same) / len(same) for kind, same in found.items()}


def size_of(out: Path) -> tuple[float, int]:
    """MB and files that came in, as the ledger accounts for them."""
    import pyarrow.parquet as pq

    ledger = pq.read_table(out / "corpus/ledger.parquet", columns=["bytes"])
    return sum(size or 0 for size in ledger.column("bytes").to_pylist()) / 1e6, ledger.num_rows


class Measured(NamedTuple):
    """All stages on one corpus, and its MB and files."""

    stages: dict[str, Figures]
    size: float
    files: int


def show(found: Measured, once: Measured, threads: int) -> list[str]:
    """Print the table; returns what is past a limit.

    The seconds of a larger corpus are limited by what the first one took; its memory stands beside that of the first.
    """
    grown = found is not once
    past = []
    print(f"\n{found.size:.0f} MB in {found.files:,} files, {threads} processes\n")
    print(
        f"{'stage':28}{'jobs':>6}{'seconds':>9}{'at most':>9}{'cpu s':>9}{'MB/s':>9}{'peak MB':>9}{'at most':>9}"
        + (f"{'growth':>9}" if grown else "")
    )
    for stage, (seconds, processor, memory, jobs) in found.stages.items():
        limits = ("", "")
        if stage in LIMITS:
            allowed = LIMITS[stage] * found.size / LIMIT_MB
            if grown:
                allowed = once.stages[stage].seconds * GROWTH * found.size / once.size
            limits = (f"{allowed:.1f}", str(MEMORY))
            if seconds > allowed:
                past.append(f"{stage}, {found.size:.0f} MB: {seconds:.1f} s, at most {allowed:.1f}")
            if memory > MEMORY:
                past.append(f"{stage}, {found.size:.0f} MB: {memory:.0f} MB of memory, at most {MEMORY}")
        line = f"{stage:28}{jobs:6}{seconds:9.1f}{limits[0]:>9}{processor:9.1f}{found.size / seconds:9.1f}"
        line += f"{memory:9.0f}{limits[1]:>9}"
        print(line + (f"{memory / once.stages[stage].memory:8.2f}x" if grown else ""), flush=True)
    return past


def show_exponents(found: list[Measured]) -> None:
    """Print with which power of the corpus' size each stage's figures grow."""
    import numpy as np

    sizes = np.log([one.size for one in found])
    print(f"\nexponents over {', '.join(f'{one.size:.0f}' for one in found)} MB\n")
    print(f"{'stage':28}{'seconds':>9}{'cpu s':>9}{'memory':>9}")
    for stage in found[0].stages:
        figures = np.log([one.stages[stage][:3] for one in found])
        slopes = np.polyfit(sizes, figures, 1)[0]
        print(f"{stage:28}" + "".join(f"{slope:9.2f}" for slope in slopes))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="a folder to be made, or one whose copies an earlier call wrote")
    parser.add_argument("--copies", type=int, nargs="+", default=[1], help="times the corpus, ascending, a table each")
    parser.add_argument("--mb", type=float, default=LIMIT_MB, help="of the standard library and installed packages")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--corpus-only", action="store_true", help="leave out vocabulary, encoding and packing")
    options = parser.parse_args()
    if any((options.out / f"x{copies}").exists() for copies in options.copies):
        parser.error(f"{options.out} is there already; name a folder that is not, or remove its results (x1, x5, ...)")
    knobs = settings()
    here, files = installed(options.mb, knobs["scrape"])
    measurements: list[Measured] = []
    past: list[str] = []
    copied = write_copies(options.out, files, options.copies)
    for copies in options.copies:
        out = options.out / f"x{copies}"
        out.mkdir(parents=True)
        sources = [*here, *(one for one in copied if int(one["name"].removeprefix("copies")) <= copies)]
        plan = stages(out, sources, knobs, options.threads)
        if options.corpus_only:
            plan = {stage: calls for stage, calls in plan.items() if stage not in TOKENS}
        figures = {stage: measured(calls) for stage, calls in plan.items()}
        curation = {"curate": together([figures[stage] for stage in CURATE])}
        measurements.append(Measured(figures | curation, *size_of(out)))
        past += show(measurements[-1], measurements[0], options.threads)
        for kind, share in seen_through(out).items():
            print(f"\ntaken for one with their original where {kind}: {share:.1%}", flush=True)
    if len(measurements) > 1:
        show_exponents(measurements)
    if past and options.mb >= LIMIT_MB:
        raise SystemExit("\npast a limit:\n" + "\n".join(past))


if __name__ == "__main__":
    main()
