# release: everything of the configuration's run -> the folder in which its model ships, resources/pretrained.
#
#   snakemake --cores all release --configfile config/presets/pretrained.yaml
#
# It has no output, so it runs whenever it is asked for; see workflow/scripts/release.py.


rule release:
    input:
        unpack(of_the_one_run(**release_files(PLAN))),
    log:
        "results/release.log",
    localrule: True
    threads: CORES
    params:
        job=lambda wildcards: {
            "settings": {
                "name": SETTINGS["name"],
                **PLAN.run.settings,
                "evaluate": {
                    metric: PLAN.run.settings["evaluate"][metric]
                    for metric in SETTINGS["evaluate"]["metrics"]
                },
            },
            "code": fingerprint(SCRIPTS / "release.py"),
        },
        folder=SETTINGS["release"]["folder"],
        most_mb=SETTINGS["release"]["most_mb"],
    script:
        "../scripts/release.py"
