"""Where nothing isolates: code is refused, in one line with a cure, unless a person allows it to run unprotected."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from charmer.common.failure import Failure
from charmer.sandbox import isolation, run
from charmer.sandbox.judge import Task, judge
from charmer.sandbox.limits import Limits
from charmer.sandbox.run import Sandbox


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without bubblewrap."""
    monkeypatch.setattr(run, "unavailable", lambda: "bubblewrap is not installed; install it")


def test_nothing_runs_without_leave(bare: None):
    with pytest.raises(Failure) as failure:
        Sandbox()
    message = str(failure.value)
    assert "bubblewrap is not installed" in message and "--allow-unsandboxed" in message and "\n" not in message


def test_with_leave_commands_run_and_are_still_limited(bare: None, tmp_path: Path):
    sandbox = Sandbox(allow_unsandboxed=True)
    assert not sandbox.isolated
    outcome = sandbox.run(["python3", "main.py"], {"main.py": "print(open('note').read())", "note": "hi"})
    assert (outcome.status, outcome.stdout) == ("ok", "hi\n"), outcome.stderr
    assert sandbox.run(["python3", "-c", "import sys; sys.exit(2)"]).returncode == 2
    sleep = sandbox.run(["python3", "-c", "import time; time.sleep(60)"], limits=Limits(wall_seconds=1))
    assert (sleep.status, sleep.returncode) == ("wall clock", None)
    flood = sandbox.run(["python3", "-c", "while True: print('x' * 999)"], limits=Limits(output_mb=0.1))
    assert (flood.status, len(flood.stdout)) == ("output", 100_000)


def test_with_leave_programs_are_judged_as_well(bare: None):
    task = Task("def one(): return 1", "one", "def check(candidate): assert candidate() == 1")
    programs = ["def one(): return 1", "def one(): return 2", "import os; os._exit(0)"]
    (verdicts,) = judge(Sandbox(allow_unsandboxed=True), [(task, programs)], timeout=2.0, workers=1)
    assert [verdict.passed for verdict in verdicts] == [True, False, False]


def test_a_sandbox_that_does_not_start_is_no_programs_fault(bare: None, monkeypatch: pytest.MonkeyPatch):
    sandbox = Sandbox(allow_unsandboxed=True)
    begin = sandbox.start
    monkeypatch.setattr(
        sandbox, "start", lambda job: begin(replace(job, command=["sh", "-c", "echo no room >&2; exit 1"]))
    )
    task = Task("def one(): return 1", "one", "def check(candidate): assert candidate() == 1")
    with pytest.raises(Failure, match=r"sandbox: cannot be started \(no room\)"):
        list(judge(sandbox, [(task, ["def one(): return 1"])], timeout=1.0, workers=1))


def test_why_there_is_no_isolation_comes_with_a_cure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "only Linux" in str(isolation.missing())
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(isolation.seccomp, "program", lambda: b"")
    monkeypatch.setattr(isolation, "program", lambda: None)
    assert "apt-get install bubblewrap" in str(isolation.missing())
    monkeypatch.setattr(isolation, "program", lambda: "/usr/bin/bwrap")
    assert isolation.missing() is None


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("bwrap: setting up uid map: Permission denied\n", "--privileged"),
        ("bwrap: No permissions to create new namespace", "keeps bubblewrap from making namespaces"),
        ("bwrap: Unknown option --size", "too old"),
        ("", "no reason given"),
    ],
)
def test_a_failed_trial_says_what_bubblewrap_said_and_what_to_do(said: str, cure: str):
    assert cure in isolation.cure(said)
    assert "\n" not in isolation.cure(said)


def test_installed_is_not_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A bubblewrap that isolates nothing, or cannot start, is found out by the trial."""
    if isolation.missing() and sys.platform != "linux":
        pytest.skip("bubblewrap is for Linux")
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(isolation, "program", lambda: str(fake))
    assert "keeps bubblewrap from making namespaces" in str(run._trial())
