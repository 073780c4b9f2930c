# What the rules share: the checked configuration, and the catalogue of variants that it asks for.

import os
import sys
from functools import partial

# Scripts import the library that lies beside this Snakefile, also where another checkout is installed.
LIBRARY = f"{workflow.basedir}/workflow"
sys.path.insert(0, LIBRARY)
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        dict.fromkeys([LIBRARY, *filter(None, [os.environ.get("PYTHONPATH")])])
    )
)

# OpenMP's threads would otherwise wait for one another by spinning: beside any other busy program, a browser say,
# small tensor operations then take up to ninety times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from charmer.common.failure import Failure
from charmer.pipeline import alive, comparison, grid, slurm
from charmer.pipeline.catalogue import SCRIPTS, Catalogue
from charmer.pipeline.closing import Call
from charmer.pipeline.demands import (
    grown,
    raised,
    training_gpus,
    training_mb,
    training_minutes,
)
from charmer.pipeline.fingerprint import fingerprint
from charmer.pipeline.paths import (
    SPLITS,
    metric_files,
    model_files,
    release_files,
    report_files,
    token_files,
    training_files,
)
from charmer.pipeline.plan import Plan
from charmer.pipeline.settings import resolve
from snakemake.exceptions import WorkflowError

CONFIG = Path(workflow.basedir) / "config"
ASKED = {"grid", "runs"}  # no knobs: what `grid` and `compare` are asked for
OVERRIDES = {
    key: value
    for key, value in workflow.config_settings.overwrite_config.items()
    if key not in ASKED
}
TYPED = {  # of these what --config says itself, not a file that --configfile names
    key: value
    for key, value in workflow.config_settings.config.items()
    if key not in ASKED
}

LIMITS = workflow.resource_settings
# Jobs of a cluster count, each with a node's cores of its own; cores alone count on one machine.
ON_CLUSTER = workflow.remote_exec or LIMITS.nodes is not None
# Of one job. On a cluster no number of cores is the call's: profiles/slurm says `max-threads`. `--report` gives none.
CORES = min(filter(None, [LIMITS.cores, LIMITS.max_threads]), default=1)

try:
    SETTINGS = resolve({key: config[key] for key in config if key not in ASKED})
    PLAN = Plan.of(SETTINGS)
    GRID = (
        grid.named(str(config["grid"]), CONFIG, OVERRIDES, TYPED)
        if "grid" in config
        else None
    )
    COMPARED = comparison.named(config["runs"]) if "runs" in config else None
    CATALOGUE = Catalogue([PLAN, *(GRID.plans if GRID else [])])
    if GRID:
        grid.check_clock(GRID, 1 if ON_CLUSTER else CORES)
except Failure as failure:
    raise WorkflowError(str(failure)) from None

TEXTS = {
    target: found.folder / "summary.txt"
    for target, found in (("grid", GRID), ("compare", COMPARED))
    if found
}


def refuse(reason):
    """Refuse the call; Snakemake shows a trace of the Snakefile below the reason, so it is said once more at the end."""
    if workflow.is_main_process:
        CALL.words = [f"error: {reason}"]
    raise WorkflowError(reason)


def unnamed(what, example, there):
    """Refuse a target that needs `--config WHAT=...` and was called without."""
    refuse(
        f"{what}: name it, as in --config {what}={example}; there are: {', '.join(there) or 'none'}"
    )


def of_the_one_run(*files, **named):
    """The input of a target that is not of a grid or a comparison: refuse a call that asks for one and forgot it."""

    def given(wildcards):
        for what, target in (("grid", "grid"), ("runs", "compare")):
            if what in config:
                refuse(
                    f"--config {what}={config[what]} goes with the target `{target}`: "
                    f"snakemake --cores all {target} --config {what}={config[what]}"
                )
        return named or list(files)

    return given


def partition_of(rule):
    """The Slurm partition that a rule's jobs go to; None: the default one."""
    for given in (LIMITS.overwrite_resources.get(rule), LIMITS.default_resources):
        if given and "slurm_partition" in given:
            return str(given["slurm_partition"].raw).strip("'\"")
    return None


# What a job asks for grows with its input, and with every attempt as far as its partition goes.
MOST = slurm.Bounds(partition_of, asked=ON_CLUSTER)
memory = partial(grown, most=MOST.megabytes)
minutes = partial(grown, most=MOST.minutes)


# Of a model's training or evaluation. The runs of a grid go side by side, each on its part of a machine's cores: the
# small operations of small models, and the start of every job, gain little from more threads.
SHARE = max(1, CORES // (len(GRID.cells) if GRID and not ON_CLUSTER else 1))


def of_training(demand, most=None):
    """A resource of the rule train, from the settings of its model; raised with every attempt where `most` is given."""

    def amount(wildcards, threads, attempt, rulename):
        settings = CATALOGUE.plan("models", wildcards.model).model.settings
        first = demand(settings, threads, training_gpus(settings))
        return raised(first, attempt if most else 1, most, rulename)

    return amount


# Of a job that reads a part of a source. They go side by side; on one machine each takes what the others leave.
PARTS = CATALOGUE.parts(PLAN)
EACH = CORES if ON_CLUSTER else max(1, CORES // len(PARTS))


def parts_of(corpus):
    """The parts of a corpus' sources, as paths below results/sources."""
    return CATALOGUE.parts(CATALOGUE.plan("corpus", corpus))


if workflow.is_main_process:
    OTHERS = alive.enter()
    for line in OTHERS:
        print(line, file=sys.stderr)
    CALL = Call(workflow, CATALOGUE, OTHERS, GRID, TEXTS)


wildcard_constraints:
    source=CATALOGUE.names("sources"),
    part=r"(/[0-9]+)?",  # "/3" in a source's folder; nothing where one job scrapes all of it
    share=r"[0-9]+",
    corpus=CATALOGUE.names("corpus"),
    broken=CATALOGUE.names("broken"),
    vocab=CATALOGUE.names("vocab"),
    windows=CATALOGUE.names("windows"),
    model=CATALOGUE.names("models"),
    metric=CATALOGUE.names("metrics"),
    run=CATALOGUE.names("runs"),
    export=CATALOGUE.names("exports"),
    split="|".join(SPLITS),
