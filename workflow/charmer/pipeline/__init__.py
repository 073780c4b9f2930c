"""What stands between Snakemake and the library: settings, folder names, fingerprints, locks, the frame of a job.

Nothing here imports torch, pandas or pyarrow: the Snakefile is read at every call, and `nothing to be done` has to
be said within seconds.
"""
