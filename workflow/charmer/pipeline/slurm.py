"""What Slurm did to jobs, from Snakemake's log of a call: one line a rule, with what to do."""

from __future__ import annotations

import re

ABSENT = "no Slurm here: sbatch is not on the path; call from a login node, or without --profile profiles/slurm"
AGAIN = "the same command goes on from here"
STATES = {
    "TIMEOUT": f"Slurm ended it at its time limit; {AGAIN}, and --set-resources {{rule}}:runtime=MINUTES gives it more",
    "DEADLINE": f"Slurm ended it at its deadline; {AGAIN}",
    "OUT_OF_MEMORY": f"took more memory than it asked for; --set-resources {{rule}}:mem_mb=MB gives it more; {AGAIN}",
    "CANCELLED": f"was cancelled, by scancel or by whoever runs the cluster; {AGAIN}",
    "PREEMPTED": f"gave way to a job of higher priority; {AGAIN}",
    "NODE_FAIL": f"its node died; {AGAIN}",
    "BOOT_FAIL": f"its node did not start; {AGAIN}",
}


def endings(log: str) -> list[str]:
    """Why Slurm ended, or refused, the jobs that did not succeed in the end.

    Args:
        log: Snakemake's, of one call.
    """
    found: dict[str, str] = {}
    for block in re.split(r"(?=Error in (?:rule|group) )", log)[1:]:
        rule = re.match(r"Error in (?:rule|group) (\S+?):", block)
        job = re.search(r"\bjobid: (\S+)", block)
        said = _said(block, rule[1] if rule else "a job")
        key = job[1] if job else block
        if said and not re.search(rf"Finished jobid: {re.escape(key)}\b", block + log.rpartition(block)[2]):
            found[key] = said
    return list(dict.fromkeys(found.values()))


def _said(block: str, rule: str) -> str | None:
    refused = re.search(r"sbatch failed\. The error message was '(.*?)'", block, re.DOTALL)
    if refused:
        line = refused[1].strip().splitlines()[-1].removeprefix("sbatch: error: ")
        return f"{rule}: Slurm refused the job: {line}"
    state = re.search(r"SLURM status is:\s+'(\w+)'", block)
    if state and state[1] in STATES:
        return f"{rule}: " + STATES[state[1]].format(rule=rule)
    return None
