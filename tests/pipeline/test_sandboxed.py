"""The leave to run generated code unprotected: one knob, which reaches the metrics that run code and no other."""

from pathlib import Path

import pytest
from charmer.common.failure import Failure
from charmer.pipeline.plan import Plan
from charmer.pipeline.settings import merged, read, resolve

CONFIG = read(Path(__file__).parents[2] / "config" / "config.yaml")


def named(**evaluate: object) -> dict[str, str]:
    """Metric -> name of its variant."""
    plan = Plan.of(resolve(merged(CONFIG, {"evaluate": evaluate})))
    return {metric: variant.name for variant in plan.metrics for metric in variant.settings["evaluate"]}


def test_the_leave_reruns_what_runs_code():
    metrics = [*CONFIG["evaluate"]["metrics"], "humaneval"]
    without, allowed = named(metrics=metrics), named(metrics=metrics, allow_unsandboxed="yes")
    assert {metric for metric in without if without[metric] != allowed[metric]} == {"synthesis", "humaneval", "repair"}
    assert named(synthesis={"allow_unsandboxed": True})["synthesis"] == allowed["synthesis"]


def test_a_leave_that_is_none_is_refused():
    with pytest.raises(Failure, match="allow_unsandboxed: 'perhaps' is not allowed"):
        named(allow_unsandboxed="perhaps")
