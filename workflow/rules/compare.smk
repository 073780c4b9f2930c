# compare: two runs that lie on disk -> what differs between them, on one page. No stage of either is run again.
#
#   snakemake --cores all compare --config runs=A,B

if COMPARED:

    rule compare:
        output:
            page=f"{COMPARED.folder}/index.html",
            plots=directory(f"{COMPARED.folder}/plots"),
            text=f"{COMPARED.folder}/summary.txt",
            settings=f"{COMPARED.folder}/settings.json",
        log:
            f"{COMPARED.folder}/compare.log",
        localrule: True
        params:
            job={
                "settings": COMPARED.settings,
                "code": fingerprint(SCRIPTS / "compare.py"),
            },
        script:
            "../scripts/compare.py"

else:

    rule compare:
        input:
            lambda wildcards: unnamed("runs", "A,B", comparison.complete_runs()),
        localrule: True
