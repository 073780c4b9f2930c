"""Charmer: train, read and run a small code model on your own machine.

The rooms, in the direction in which imports run (nothing imports upward):

    common      files that are complete or absent, progress, errors that name their cure
    corpus      Python files found, decoded, accounted for and curated
    tokens      vocabulary, encoding, packing
    model       the network, in one file
    inference   cached generation, sampling, scoring
    training    loop, optimizer, schedule, checkpoints
    sandbox     running code that nobody has read
    errors      breaking code, locating faults, repairing and verifying
    evaluation  one module a metric
    serve       HTTP: the endpoints that editors and other clients speak
    lsp         the language server
    export      folders and files that other programs open
    report      plots and pages made from the tables
    release     the folder in which a trained model ships
    pipeline    what the Snakefile needs: settings, folder names, fingerprints, locks
    commands    one module a sub-command of `charmer`

The library never imports Snakemake: every room works in a notebook or a test as it does in a rule.
"""
