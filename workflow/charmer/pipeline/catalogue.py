"""The catalogue of variants that the rules look things up in: from a wildcard to settings, inputs and mapping.

Rules are written over wildcards, one for each stage's folder name, and know no configuration. So one run and a grid
of a hundred are the same rules over a larger catalogue, and what two runs have in common is one job.

A source that is not there (moved, unmounted) is no error here: only a job that would read it is refused (see
`closing`), and listing leftovers or showing a finished report needs none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from charmer.common.failure import Failure
from charmer.common.files import sha256_of
from charmer.corpus import parts
from charmer.corpus.decontaminate import benchmark_files
from charmer.corpus.seen import SEEN
from charmer.corpus.sources import ON_DISK, listed
from charmer.pipeline import start
from charmer.pipeline.fingerprint import fingerprint
from charmer.pipeline.naming import ordered
from charmer.pipeline.plan import Plan, Variant
from charmer.pipeline.settings import Settings

AWAY = "away"  # in a job's mapping: why what it would read is not there
SCRIPTS = Path(__file__).parents[2] / "scripts"


class Catalogue:
    """Every variant of every plan, by stage and name."""

    def __init__(self, plans: Iterable[Plan]) -> None:
        self.plans = tuple(plans)
        self._entries: dict[str, dict[str, tuple[Variant, Plan]]] = {}
        for plan in self.plans:
            for variant in plan.variants():
                self._entries.setdefault(variant.stage, {}).setdefault(variant.name, (variant, plan))
        # What the globs of each source select on disk now. Not part of a name: it says whether a scrape is stale.
        looks = self._found("sources", "listed", lambda at: listed(at["source"], at["scrape"]))
        self._bytes = {name: look["listed"].bytes for (_, name), look in looks.items() if "listed" in look}
        self._files = {
            (stage, name): {"files": look["listed"].digest, **({"parts": count} if count > 1 else {})}
            if "listed" in look
            else look
            for (stage, name), look in looks.items()
            for count in [self._count(name)]
        }
        self._files |= self._found("corpus", "benchmarks", _compared)
        self._files |= self._found("vocab", "start", lambda at: start.digests(at.get("start", ""), start.TOKENIZER))
        self._files |= self._found("models", "start", self._start)
        self._files |= self._found("metrics", "problems", lambda at: _problems(at["evaluate"]))

    def names(self, stage: str) -> str:
        """A wildcard constraint: the names of the variants of `stage`."""
        return "|".join(map(re.escape, self._entries[stage]))

    def plan(self, stage: str, name: str) -> Plan:
        """A plan that holds the variant; the variant's inputs are that plan's earlier stages."""
        return self._entries[stage][name][1]

    def _count(self, source: str) -> int:
        return parts.count(self._bytes.get(source, 0), self.plan("sources", source).part_mb)

    def part(self, source: str, suffix: str) -> parts.Part:
        """The part of a source that a folder below the source's own holds: "/3", or "" for the whole."""
        return parts.Part(int(suffix.removeprefix("/") or 0), self._count(source))

    def parts(self, plan: Plan) -> list[str]:
        """The parts of a plan's sources as paths below `results/sources`: NAME, or NAME/0, NAME/1, ..."""
        counts = {source.name: self._count(source.name) for source in plan.sources}
        return [f"{name}/{at}" if count > 1 else name for name, count in counts.items() for at in range(count)]

    def scattered(self, plan: Plan) -> bool:
        """Whether a plan's corpus is too large for one job."""
        return sum(self._bytes.get(source.name, 0) for source in plan.sources) > plan.part_mb * 1e6

    def metric(self, name: str) -> str:
        """The metric that a variant of the evaluation measures."""
        (metric,) = self._entries["metrics"][name][0].settings["evaluate"]
        return metric

    def format(self, name: str) -> str:
        """The format of a variant of the export."""
        (to,) = self._entries["exports"][name][0].settings["export"]
        return to

    def job(self, stage: str, name: str, script: str, *modules: str) -> dict[str, Any]:
        """The one mapping that a job is compared by: its settings, the code that it runs, and digests of the files
        that it reads but no rule makes (a source's, the benchmarks').

        Snakemake compares loose params as an unordered set, in which two swapped values go unseen.

        Args:
            script: the rule's script under workflow/scripts.
            modules: dotted names of modules that the script loads by name.
        """
        settings = self._entries[stage][name][0].settings
        mapping: dict[str, Any] = {"settings": settings, "code": fingerprint(SCRIPTS / script, *modules)}
        if modules:
            mapping["modules"] = list(modules)
        return ordered(mapping | self._files.get((stage, name), {}))

    def _found(self, stage: str, key: str, look: Callable[[Settings], Any]) -> dict[tuple[str, str], Settings]:
        """For each variant of a stage what its jobs read from outside of the DAG; under AWAY why it is not there."""
        found = {}
        for name, (variant, _) in self._entries.get(stage, {}).items():
            try:
                content = look(variant.settings)
                found[stage, name] = {key: content} if content else {}
            except Failure as failure:
                found[stage, name] = {AWAY: str(failure)}
        return found

    def _start(self, at: Settings) -> dict[str, str]:
        """Digests of the model that a training starts from.

        Raises:
            Failure: it would be fitted to less code than that takes.
        """
        if "fine_tune" in at:
            own = [source for source in at["sources"] if source.get("own")]
            wanted = [{"source": source, "scrape": at["scrape"]} for source in own]
            names = [name for name, (source, _) in self._entries["sources"].items() if source.settings in wanted]
            known = all(source["kind"] in ON_DISK for source in own) and self._bytes.keys() >= set(names)
            size, least = sum(self._bytes.get(name, 0) for name in names), at["fine_tune"]["least_kb"]
            if known and size < least * 1e3:
                raise Failure(
                    f"code: {', '.join(source.get('path', source['name']) for source in own)}: {size / 1e3:.0f} kB of "
                    f"Python are too little to fit a model to; allowed: at least fine_tune.least_kb: {least:g} kB"
                )
        return start.digests(at.get("start", ""), *start.FILES)


def _problems(evaluate: Settings) -> str | None:
    """A digest of the problems that a metric sets; a file that is not there is the metric's to complain of."""
    paths = [Path(knobs["problems"]) for knobs in evaluate.values() if "problems" in knobs]
    return sha256_of(paths[0]) if paths and paths[0].is_file() else None


def _compared(at: Settings) -> dict[str, str]:
    """Digests of the files with whose content curation compares: the benchmarks', and of what a model has read."""
    seen = [Path(at["start"]) / SEEN] if at.get("start") else []
    paths = [*benchmark_files(at["curate"]["benchmarks"]), *(path for path in seen if path.is_file())]
    return {path.as_posix(): sha256_of(path) for path in paths}
