# grid: many runs over the axes of config/grids/NAME.yaml -> one table, one page. Its cells are ordinary runs, made by
# the same rules; what is here ties each point of the parameter space to its run, and draws all of them.
#
#   snakemake --cores all grid --config grid=NAME
#
# A cell that fails leaves the others running (keep-going, in the profile). Nothing that needs all cells can run then,
# so the page of those that there are is made as the call ends (charmer/pipeline/closing.py), with a gap for each other.

if GRID:

    from snakemake.utils import Paramspace
    import pandas

    POINTS = Paramspace(pandas.DataFrame(GRID.points(), dtype=str))

    rule cell:
        input:
            lambda wildcards: GRID.cell(POINTS.instance(wildcards)).plan.run.folder
            / "summary.json",
        output:
            f"{GRID.folder}/cells/{POINTS.wildcard_pattern}/summary.json",
        log:
            f"{GRID.folder}/cells/{POINTS.wildcard_pattern}/cell.log",
        wildcard_constraints:
            **{column: r"[A-Za-z0-9.-]+" for column in POINTS.columns},
        localrule: True
        shell:
            "cp {input:q} {output:q} 2> {log:q}"

    rule grid:
        input:
            [
                f"{GRID.folder}/cells/{point}/summary.json"
                for point in POINTS.instance_patterns
            ],
        output:
            page=report(
                f"{GRID.folder}/index.html",
                caption="../report/grid.rst",
                category="Grid",
                labels={"page": GRID.title},
            ),
            plots=report(
                directory(f"{GRID.folder}/plots"),
                patterns=["{plot}.svg"],
                caption="../report/grid_plot.rst",
                category="Grid",
                labels={"plot": "{plot}"},
            ),
            table=f"{GRID.folder}/runs.parquet",
            csv=f"{GRID.folder}/runs.csv",
            summary=f"{GRID.folder}/summary.json",
            text=f"{GRID.folder}/summary.txt",
            settings=f"{GRID.folder}/settings.json",
        log:
            f"{GRID.folder}/grid.log",
        benchmark:
            f"{GRID.folder}/benchmark.tsv"
        resources:
            mem_mb=memory(2000),
            runtime=minutes(30),
        params:
            job={
                "settings": GRID.settings,
                "code": fingerprint(SCRIPTS / "grid.py"),
            },
        script:
            "../scripts/grid.py"

else:

    rule grid:
        input:
            lambda wildcards: unnamed("grid", "NAME", grid.files(CONFIG)),
        localrule: True
