"""The data that a metric reads, taken from its source: importing it would import torch at every call."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from charmer.common.failure import Failure

METRICS = Path(__file__).parents[1] / "evaluation"


@functools.cache
def needs(metric: str) -> tuple[str, ...]:
    """What the metric's module names in NEEDS.

    Raises:
        Failure: there is no such module, or it names nothing.
    """
    path = METRICS / f"{metric}.py"
    if not path.exists():
        raise Failure(f"evaluate.metrics: {metric!r} has no module charmer/evaluation/{metric}.py")
    for node in ast.parse(path.read_bytes()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "NEEDS" for target in targets):
            return tuple(ast.literal_eval(node.value))  # type: ignore[attr-defined]
    raise Failure(f"charmer/evaluation/{metric}.py: lacks NEEDS, the tuple of the data that the metric reads")


def reads_broken(metric: str) -> bool:
    """Whether a metric reads the tables of broken code."""
    return any(name.endswith("_broken") for name in needs(metric))
