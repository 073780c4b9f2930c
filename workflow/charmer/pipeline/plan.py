"""From settings to folders: which variant of each stage a run consists of, and where it lies.

A variant is named by exactly the settings that its stage and the stages before it depend on: a readable name and a
digest. Two experiments therefore share every stage they have in common, and going back to an earlier setting finds
its files still there. Digests of sources and of code are no part of a name: they say whether a variant is stale.

    plan = Plan.of(settings)
    plan.model.folder        # results/models/bpe4096-ctx512-60MB-6x256-0f3a9c21
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from charmer.pipeline.naming import RESULTS, digest, ordered
from charmer.pipeline.needs import reads_broken
from charmer.pipeline.settings import Settings

NAME_LENGTH = 40  # of a run's readable name, as the schema of the configuration bounds it
RUN_CODE = {"synthesis", "humaneval", "repair"}  # metrics that run what the model wrote


@dataclass(frozen=True)
class Variant:
    """One stage under one set of settings.

    Attributes:
        stage: the folder of the stage under `results/` ("models").
        name: readable name and digest, the folder's own name.
        settings: the sections of the configuration that the stage and its ancestors depend on.
    """

    stage: str
    name: str
    settings: Settings = field(compare=False)  # the name holds its digest

    @property
    def folder(self) -> Path:
        return RESULTS / self.stage / self.name


@dataclass(frozen=True)
class Plan:
    """Every variant that one configuration asks for."""

    sources: tuple[Variant, ...]
    corpus: Variant
    broken: Variant
    vocab: Variant
    windows: Variant
    model: Variant
    metrics: tuple[Variant, ...]
    run: Variant
    exports: tuple[Variant, ...]
    part_mb: float = field(compare=False)  # MB that a job of scraping or judging reads; changes no result

    @classmethod
    def of(cls, settings: Settings) -> Plan:
        """Lay out the variants of a resolved configuration."""
        every_source = [*settings["sources"], *own_sources(settings["code"])]
        sources = tuple(
            _variant("sources", source["name"], {"source": source, "scrape": settings["scrape"]})
            for source in every_source
        )
        lineage: Settings = {"sources": every_source, "scrape": settings["scrape"], "curate": settings["curate"]}
        start = settings["train"]["init_from"]
        if tunes(settings):
            lineage |= {"fine_tune": settings["fine_tune"], "start": start}
        corpus = _variant("corpus", "-".join(source["name"] for source in every_source)[:40], lineage)
        breakage = {"break": settings["break"]}
        broken = _variant("broken", f"{settings['break']['held_out_pairs']}-pairs", {**lineage, **breakage})

        lineage |= {"start": start} if start else {}
        lineage = {**lineage, "vocab": _relevant_vocab(settings["vocab"], copied=bool(start))}
        vocabulary = settings["vocab"]["kind"]
        vocabulary += str(settings["vocab"]["size"]) if vocabulary == "bpe" else ""
        vocab = _variant("vocab", vocabulary, lineage)

        lineage = {**lineage, "pack": settings["pack"]}
        context, size = settings["pack"]["context_length"], settings["pack"]["dataset_mb"]
        windows = _variant("windows", f"{vocabulary}-ctx{context}-{size:g}MB", lineage)

        lineage = {**lineage, "model": settings["model"], "train": settings["train"]}
        lineage |= breakage if settings["train"]["repair_share"] else {}
        shape = f"{settings['model']['layers']}x{settings['model']['width']}"
        model = _variant("models", f"{vocabulary}-ctx{context}-{size:g}MB-{shape}", lineage)

        exports = tuple(
            _variant("exports", to, {**lineage, "export": {to: _knobs_of_format(settings["export"], to)}})
            for to in settings["export"]["formats"]
        )

        evaluate = settings["evaluate"]
        metrics = tuple(
            _variant(
                "metrics",
                metric,
                {
                    **lineage,
                    **(breakage if reads_broken(metric) else {}),
                    "evaluate": {metric: _knobs(evaluate, metric)},
                },
            )
            for metric in evaluate["metrics"]
        )
        lineage |= breakage if any(map(reads_broken, evaluate["metrics"])) else {}
        chosen = {metric: _knobs(evaluate, metric) for metric in evaluate["metrics"]}
        run = _variant("runs", _readable(settings), {**lineage, "evaluate": chosen})
        part_mb = settings["scatter"]["part_mb"]
        return cls(sources, corpus, broken, vocab, windows, model, metrics, run, exports, part_mb)

    def variants(self) -> Iterator[Variant]:
        """Every variant of the plan, in data order."""
        yield from (
            *self.sources,
            self.corpus,
            self.broken,
            self.vocab,
            self.windows,
            self.model,
            *self.metrics,
            self.run,
            *self.exports,
        )

    def folders(self) -> set[Path]:
        """Every folder under `results/` that belongs to this plan."""
        folders = {variant.folder for variant in self.variants()}
        # Token arrays lie in a room of their own, under their vocabulary's name; checkpoints under their model's.
        return folders | {RESULTS / "tokens" / self.vocab.name, RESULTS / "checkpoints" / self.model.name}


def tunes(settings: Settings) -> bool:
    """Whether the run fits a model that is there to a person's own code. Then the section `fine_tune` is read: own code
    that repeats other code leaves, it takes a share of the training set, and its own held-out files choose weights."""
    own = settings["code"] or any(source.get("own") for source in settings["sources"])
    return bool(settings["train"]["init_from"] and own)


def own_sources(paths: list[str]) -> list[Settings]:
    """The sources that the entries of `code` stand for: directories of the person's own.

    The path's digest is part of each name, so that a directory keeps its name whatever stands beside it.
    """
    sources = []
    for path in dict.fromkeys(paths):
        sources.append({"name": f"own-{_plain(path)}-{digest(path)}", "kind": "directory", "path": path, "own": True})
    return sources


def _plain(path: str) -> str:
    """A directory's own name, in what a file's name may hold anywhere."""
    return re.sub(r"[^A-Za-z0-9]+", "-", Path(path).absolute().name).strip("-")[:24] or "code"


def _readable(settings: Settings) -> str:
    """A run's name for people: that of the preset, and of the directories of `code`."""
    names = dict.fromkeys(map(_plain, settings["code"]))
    return "-".join([settings["name"], *names])[:NAME_LENGTH].rstrip("-.")


def _relevant_vocab(section: Settings, copied: bool) -> Settings:
    """A vocabulary of characters or bytes, or one that is copied, has the size that it has: BPE's knobs are not part of
    its name."""
    return section if section["kind"] == "bpe" and not copied else {"kind": section["kind"]}


def _knobs(evaluate: Settings, metric: str) -> Settings:
    """A metric's own section; of those that run code, with the leave to run it unprotected, where that was given."""
    leave = {"allow_unsandboxed": True} if evaluate["allow_unsandboxed"] and metric in RUN_CODE else {}
    return evaluate.get(metric, {}) | leave


def _knobs_of_format(export: Settings, to: str) -> Settings:
    """The number type of GGUF's weights; the other formats have no knob."""
    return {"type": export["gguf_type"]} if to == "gguf" else {}


def _variant(stage: str, name: str, settings: Settings) -> Variant:
    return Variant(stage, f"{name}-{digest(settings)}", ordered(settings))
