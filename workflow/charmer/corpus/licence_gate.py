"""The licence gate: code is used only under a licence that lets anyone train on it and ship what came out.

SPDX expressions are parsed by the license-expression library: AND needs every part, OR any one, and an exception
(`GPL-2.0-only WITH Classpath-exception-2.0`) never makes a licence more permissive than the list says.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from boolean.boolean import Expression
from license_expression import (
    AND,
    OR,
    ExpressionError,
    ExpressionParseError,
    LicenseWithExceptionSymbol,
    Licensing,
    get_spdx_licensing,
)


@functools.cache
def _licensing() -> Licensing:
    return get_spdx_licensing()


def gate(permissive: list[str]) -> Callable[[str | None], bool]:
    """A function that says whether an SPDX expression is granted by the list `permissive` of SPDX identifiers.

    An unknown, empty or unreadable expression is not. `Licence WITH exception` is granted where the list names the
    licence alone, because an exception only ever permits more.
    """
    licensing = _licensing()
    # Through the parser, so that an old name (GPL-2.0) in the list means what it means in an expression.
    allowed = frozenset(str(licensing.parse(name)).lower() for name in permissive)

    @functools.cache
    def granted(expression: str | None) -> bool:
        if not expression or not expression.strip():
            return False
        try:
            parsed = licensing.parse(expression)
        except (ExpressionError, ExpressionParseError):
            return False
        return parsed is not None and _holds(parsed, allowed)

    return granted


def _holds(node: Expression, allowed: frozenset[str]) -> bool:
    if isinstance(node, AND):
        return all(_holds(part, allowed) for part in node.args)
    if isinstance(node, OR):
        return any(_holds(part, allowed) for part in node.args)
    if isinstance(node, LicenseWithExceptionSymbol):
        return str(node).lower() in allowed or str(node.license_symbol).lower() in allowed
    return str(node).lower() in allowed
