"""What Slurm did to a job is said in one line."""

from charmer.pipeline.slurm import endings

TIMEOUT = """\
Error in rule train:
    message: SLURM-job '12' failed, SLURM status is: 'TIMEOUT'. Reason: Unknown.For further error details see the log.
    jobid: 7
    log: results/models/x/train.log (check log file(s) for error details)
"""
REFUSED = """\
Error in rule scrape:
    message: SLURM sbatch failed. The error message was 'sbatch: error: invalid partition specified: x
sbatch: error: Batch job submission failed: Invalid partition name specified'.
    sbatch call:
    jobid: 3
"""


def test_a_job_at_its_time_limit_says_so_once_and_what_to_do():
    (line,) = endings(TIMEOUT + "Trying to restart job 7.\n" + TIMEOUT)
    assert line.startswith("train: Slurm ended it at its time limit; the same command goes on from here")
    assert "--set-resources train:runtime=MINUTES" in line


def test_what_slurm_refused_is_told_in_its_own_words():
    assert endings(REFUSED) == [
        "scrape: Slurm refused the job: Batch job submission failed: Invalid partition name specified"
    ]


def test_a_job_that_came_back_and_succeeded_is_not_told():
    assert endings(TIMEOUT + "Trying to restart job 7.\nFinished jobid: 7 (Rule: train)\n") == []


def test_a_job_that_ended_by_itself_is_not_slurms():
    assert endings("Error in rule pack:\n    message: None\n    jobid: 2\n") == []
