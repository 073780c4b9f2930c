# What the rules share: the checked configuration, the variants that it asks for, and the mapping each job is given.

import atexit
import os
import re
import sys
import time

# Scripts import the library that lies beside this Snakefile, also where another checkout is installed.
LIBRARY = str(Path(workflow.basedir) / "workflow")
sys.path.insert(0, LIBRARY)
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [LIBRARY, os.environ.get("PYTHONPATH")])
)

from charmer.common.failure import Failure
from charmer.corpus.sources import digest as source_digest
from charmer.pipeline.alive import announce
from charmer.pipeline.fingerprint import fingerprint
from charmer.pipeline.job import forget_reasons, reasons
from charmer.pipeline.paths import (
    SPLITS,
    metric_files,
    report_files,
    training_files,
)
from charmer.pipeline.plan import Plan, ordered
from charmer.pipeline.settings import resolve
from snakemake.exceptions import WorkflowError

STARTED = time.time()
SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"

if workflow.is_main_process:
    for line in announce(Path(".snakemake")):
        print(line, file=sys.stderr)

try:
    SETTINGS = resolve(config)
    PLAN = Plan.of(SETTINGS)
    SOURCE_DIGESTS = {
        variant.name: source_digest(
            variant.settings["source"], variant.settings["scrape"]
        )
        for variant in PLAN.sources
    }
except Failure as failure:
    raise WorkflowError(str(failure)) from None

PLANS = [PLAN]
VARIANTS = {}
for plan in PLANS:
    for variant in plan.variants():
        VARIANTS.setdefault(variant.stage, {})[variant.name] = variant


def names(stage):
    """A wildcard constraint: the names of the variants of `stage` that the configuration asks for."""
    return "|".join(map(re.escape, VARIANTS[stage]))


def job(stage, name, script, *modules, **more):
    """The one mapping that a job is compared by.

    Snakemake compares loose params as an unordered set, in which two swapped values go unseen, so there is one param,
    a mapping: the settings of the stage and its ancestors, a fingerprint of the code that it runs, and `more`.
    """
    code = fingerprint(SCRIPTS / script, *modules)
    return ordered({"settings": VARIANTS[stage][name].settings, "code": code, **more})


def plan_of(stage, name):
    """The first plan that holds a variant: a job's inputs are the variants of that plan's earlier stages."""
    return next(plan for plan in PLANS if VARIANTS[stage][name] in plan.variants())


def metric_name(variant):
    """The metric that a variant of the evaluation measures."""
    (name,) = VARIANTS["metrics"][variant].settings["evaluate"]
    return name


def print_summary():
    """What the runs that this call finished amount to; `make` prints it itself, also when nothing had to run."""
    finished = [
        file.parent
        for file in (plan.run.folder / "summary.json" for plan in PLANS)
        if file.exists() and file.stat().st_mtime >= STARTED
    ]
    if finished and "CHARMER_QUIET" not in os.environ:
        from charmer.report.summary import text

        for run in finished:
            print("\n" + text(run), flush=True)


def print_reasons_last(log):
    """Repeat why jobs failed after all that Snakemake still has to say, so that it is what the person reads last."""
    told = reasons() or [
        f"{rule}: ended without a word (killed from outside, or out of memory?); its log: {file}"
        for rule, file in re.findall(
            r"Error in rule (\w+):.*?\n\s+log: (\S+)", Path(log).read_text(), re.DOTALL
        )
    ]
    lines = "\n".join(f"error: {line}" for line in dict.fromkeys(told))
    atexit.register(lambda: print(f"\n{lines}", file=sys.stderr))


wildcard_constraints:
    source=names("sources"),
    corpus=names("corpus"),
    vocab=names("vocab"),
    windows=names("windows"),
    model=names("models"),
    metric=names("metrics"),
    run=names("runs"),
    split="|".join(SPLITS),
