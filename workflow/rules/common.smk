# What the rules share: the checked configuration, and the catalogue of variants that it asks for.

import os
import sys

# Scripts import the library that lies beside this Snakefile, also where another checkout is installed.
LIBRARY = f"{workflow.basedir}/workflow"
sys.path.insert(0, LIBRARY)
os.environ.update(PYTHONPATH=LIBRARY)

# OpenMP's threads would otherwise wait for one another by spinning: beside any other busy program, a browser say,
# small tensor operations then take up to ninety times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from charmer.common.failure import Failure
from charmer.pipeline.alive import announce
from charmer.pipeline.catalogue import Catalogue
from charmer.pipeline.closing import print_reasons_last, print_summary
from charmer.pipeline.job import forget_reasons
from charmer.pipeline.paths import (
    SPLITS,
    metric_files,
    report_files,
    training_files,
)
from charmer.pipeline.plan import Plan
from charmer.pipeline.settings import resolve
from snakemake.exceptions import WorkflowError

if workflow.is_main_process:
    for line in announce(Path(".snakemake")):
        print(line, file=sys.stderr)

try:
    PLAN = Plan.of(resolve(config))
    CATALOGUE = Catalogue([PLAN])
except Failure as failure:
    raise WorkflowError(str(failure)) from None


wildcard_constraints:
    source=CATALOGUE.names("sources"),
    corpus=CATALOGUE.names("corpus"),
    vocab=CATALOGUE.names("vocab"),
    windows=CATALOGUE.names("windows"),
    model=CATALOGUE.names("models"),
    metric=CATALOGUE.names("metrics"),
    run=CATALOGUE.names("runs"),
    split="|".join(SPLITS),
