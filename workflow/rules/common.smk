# What the rules share: the checked configuration, and the catalogue of variants that it asks for.

import os
import sys

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
from charmer.pipeline import alive
from charmer.pipeline.catalogue import Catalogue
from charmer.pipeline.closing import Call
from charmer.pipeline.paths import (
    SPLITS,
    metric_files,
    report_files,
    training_files,
)
from charmer.pipeline.plan import Plan
from charmer.pipeline.settings import resolve
from snakemake.exceptions import WorkflowError

try:
    PLAN = Plan.of(resolve(config))
    CATALOGUE = Catalogue([PLAN])
except Failure as failure:
    raise WorkflowError(str(failure)) from None

CORES = workflow.resource_settings.cores or 1  # none are given to `snakemake --report`

if workflow.is_main_process:
    OTHERS = alive.enter()
    for line in OTHERS:
        print(line, file=sys.stderr)
    CALL = Call(workflow, CATALOGUE, OTHERS)


wildcard_constraints:
    source=CATALOGUE.names("sources"),
    corpus=CATALOGUE.names("corpus"),
    vocab=CATALOGUE.names("vocab"),
    windows=CATALOGUE.names("windows"),
    model=CATALOGUE.names("models"),
    metric=CATALOGUE.names("metrics"),
    run=CATALOGUE.names("runs"),
    split="|".join(SPLITS),
