"""The beginning and the last words of a call: who else is at work, what the run amounts to, or why a job failed.

Snakemake has words of its own after its handlers have run, so what a person should read last is printed when the
process exits.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charmer.common.failure import DISK_FULL, Failure
from charmer.pipeline import alive, gaps, slurm
from charmer.pipeline.catalogue import AWAY, Catalogue
from charmer.pipeline.grid import Grid
from charmer.pipeline.job import INTERRUPTED, REASONS, reasons
from charmer.pipeline.naming import RESULTS


class Call:
    """One call of Snakemake, from reading the Snakefile to its exit.

    Args:
        workflow: Snakemake's object.
        catalogue: the variants that the configuration asks for.
        others: lines about other processes, repeated last where they kept this call from its work.
        grid: the grid that the call names.
        texts: for a target that has words of its own, the file that holds them.
    """

    def __init__(
        self,
        workflow: Any,
        catalogue: Catalogue,
        others: list[str],
        grid: Grid | None = None,
        texts: Mapping[str, Path] | None = None,
    ) -> None:
        self.workflow, self.catalogue, self.others = workflow, catalogue, others
        self.grid, self.texts = grid, texts or {}
        self.began = time.time()
        self.executed = False
        self.watch: slurm.Watch | None = None
        self.words: list[str] = []
        reasons_file = alive.FOLDER / f"charmer-reasons-{os.getpid()}.jsonl"
        os.environ[REASONS] = str(reasons_file)
        atexit.register(self.close, reasons_file)

    def start(self) -> None:
        """Before the first job.

        Raises:
            Failure: what a job would read is not there, or another living Snakemake is writing some of the same files,
                or the jobs should go to a Slurm that is not here.
        """
        self.executed = True
        plugin = getattr(self.workflow, "executor_plugin", None)
        on_slurm = plugin is not None and plugin.name == "slurm"
        if on_slurm and shutil.which("sbatch") is None:
            self.words = [f"error: {slurm.ABSENT}"]
            raise Failure(slurm.ABSENT)
        self.words = [f"error: {reason}" for reason in self._away()]
        if self.words:
            raise Failure("what these jobs would read is not there")
        self._claim(on_slurm)
        if on_slurm:
            self.watch = slurm.Watch(Path.cwd())
            self.watch.begin()

    def _claim(self, on_slurm: bool) -> None:
        """Claim the files of this call's jobs.

        Raises:
            Failure: another call, or a job that outlived its call, has to do with some of them.
        """
        jobs = list(self.workflow.dag.needrun_jobs())
        outputs = [str(file) for job in jobs for file in job.output]
        inputs = [str(file) for job in jobs for file in job.input]
        reasons = [
            holder.orphaned() if holder.job else f"another Snakemake works on the same files: {holder}; wait for it"
            for holder in alive.claim(outputs, inputs)
        ]
        if on_slurm and not reasons and all(holder.job for holder in alive.others()):
            reasons = slurm.left_behind(Path.cwd())
        if reasons:
            self.words = [f"error: {reasons[0]}"]
            raise Failure(reasons[0])

    def succeed(self) -> None:
        """After the last job: say what the target, or the runs that this call finished, amount to."""
        if not self._tell_target():
            for run in self._runs(since=self.began):
                self._summarise(run)

    def fail(self, log: Any) -> None:
        """After a job failed. `log` is the path, or paths, of Snakemake's log of this call."""
        told = reasons()
        paths = [log] if isinstance(log, str | Path) else log
        text = "".join(Path(path).read_text(encoding="utf-8", errors="replace") for path in paths)
        ended = slurm.endings(text)
        if ended:  # a job that Slurm ended took that for an interruption
            self.words = [f"error: {line}" for line in dict.fromkeys([*ended, *told]) if line != INTERRUPTED]
        elif INTERRUPTED in told:
            self.words = ["stopped; the same command goes on from here"]
        elif told:
            self.words = [f"error: {line}" for line in dict.fromkeys(told)]
        elif shutil.disk_usage(".").free < 1e6:
            self.words = [f"error: {DISK_FULL}"]
        else:
            self.words = [
                f"error: {rule}: ended without a word (killed from outside, or out of memory?); its log: {file}"
                for rule, file in re.findall(r"Error in rule (\w+):.*?\n\s+log: (\S+)", text, re.DOTALL)
            ]
        if self.watch is not None:
            self.words += [f"error: {line}" for line in self.watch.stuck]

        if self.grid is not None and "grid" in self._targets() and (ended or INTERRUPTED not in told):
            self.words = [*gaps.write_page(self.grid), *self.words]

    def close(self, reasons_file: Path) -> None:
        """At the exit of the process: the last words."""
        if self.watch is not None:
            self.watch.end()
        reasons_file.unlink(missing_ok=True)
        if self.words:
            print("\n" + "\n".join(dict.fromkeys(self.words)), file=sys.stderr)
        elif self.others and not self.executed and not self.workflow.dryrun:
            print("\n" + "\n".join([*self.others, "wait for it, or stop it; its lock is not stale"]), file=sys.stderr)
        elif self.workflow.dryrun and self._away():
            print("\n" + "\n".join(f"error: {reason}" for reason in self._away()), file=sys.stderr)
        elif self._had_nothing_to_do() and not self._tell_target():
            for run in self._runs(since=0.0):
                self._summarise(run)

    def _away(self) -> list[str]:
        """Why jobs that this call would run cannot: their sources or benchmarks are not there."""
        dag = getattr(self.workflow, "_dag", None)
        # A dry run counts its jobs as finished.
        jobs = [] if dag is None else dag.needrun_jobs(exclude_finished=False)
        mappings = [job.params.get("job", {}) for job in jobs]
        return list(dict.fromkeys(mapping[AWAY] for mapping in mappings if AWAY in mapping))

    def _had_nothing_to_do(self) -> bool:
        """Whether this call was asked for a whole run, a grid or a comparison, in earnest, and found it there."""
        dag = getattr(self.workflow, "_dag", None)
        return (
            not self.executed
            and not self.workflow.dryrun
            and self.workflow.execution_settings is not None
            and dag is not None
            and not len(dag)
            and len(self._targets() & {"all", *self.texts}) == 1
        )

    def _targets(self) -> set[str]:
        dag = getattr(self.workflow, "_dag", None)
        return {rule.name for rule in dag.targetrules} if dag is not None else set()

    def _tell_target(self) -> bool:
        """Print the words of a target that has its own; whether it has."""
        told = [self.texts[target] for target in sorted(self._targets() & set(self.texts))]
        for path in told:
            print("\n" + path.read_text(encoding="utf-8"), flush=True)
        return bool(told)

    def _runs(self, since: float) -> list[Path]:
        summaries = (plan.run.folder / "summary.json" for plan in self.catalogue.plans)
        return [file.parent for file in summaries if file.exists() and file.stat().st_mtime >= since]

    def _summarise(self, run: Path) -> None:
        from charmer.report import index, summary  # slow to import, and needed at the end of a finished run alone

        if not (RESULTS / "index.html").exists():
            index.write(RESULTS)
        print("\n" + summary.text(run), flush=True)
