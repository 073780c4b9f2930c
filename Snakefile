# Charmer: from Python source on disk to a trained, evaluated code model.
#
#   snakemake --cores all                                               the run that config/config.yaml describes
#   snakemake --cores all --configfile config/presets/seed.yaml         a preset
#   snakemake --cores all --config 'train={learning_rate: 0.01}'        one knob changed
#   snakemake --cores all --forcerun train                              one stage again, and what depends on it
#   snakemake --cores all corpus | model | evaluation                   the DAG as far as one stage
#   snakemake --cores all grid --config grid=learning-rate              many runs over the axes of a file in config/grids
#   snakemake --cores all compare --config runs=A,B                     what changed between two runs
#   snakemake --cores all exports                                       the model for transformers, llama.cpp, onnxruntime
#   snakemake --cores 1 leftovers                                       what in results/ nothing refers to any more
#   snakemake --cores all release                                       the run's model where it ships, with its card
#   snakemake --report report.html                                      the finished run as one page to send
#
# Every stage has a file under workflow/rules, in data order; common.smk turns the configuration into folder names.

from snakemake.utils import min_version

min_version("9.0")


configfile: Path(workflow.basedir) / "config" / "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/scrape.smk"
include: "workflow/rules/curate.smk"
include: "workflow/rules/break.smk"
include: "workflow/rules/vocab.smk"
include: "workflow/rules/encode.smk"
include: "workflow/rules/pack.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/calibrate.smk"
include: "workflow/rules/ngrams.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/release.smk"
include: "workflow/rules/grid.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/housekeeping.smk"


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        of_the_one_run(f"{PLAN.run.folder}/report/index.html"),
    localrule: True


rule corpus:
    input:
        of_the_one_run(f"{PLAN.corpus.folder}/counts.json"),
    localrule: True


rule model:
    input:
        of_the_one_run(f"{PLAN.model.folder}/model.safetensors"),
    localrule: True


rule evaluation:
    input:
        of_the_one_run(*[f"{metric.folder}/table.parquet" for metric in PLAN.metrics]),
    localrule: True


rule exports:
    input:
        of_the_one_run(*[f"{export.folder}/settings.json" for export in PLAN.exports]),
    localrule: True


onstart:
    CALL.start()


onsuccess:
    CALL.succeed()


onerror:
    CALL.fail(log)
