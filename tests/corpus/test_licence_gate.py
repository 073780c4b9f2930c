"""The licence gate evaluates SPDX expressions."""

from __future__ import annotations

import pytest
from charmer.corpus.licence_gate import gate

LICENCES = ["MIT", "Apache-2.0", "BSD-3-Clause", "PSF-2.0"]


@pytest.mark.parametrize(
    ("expression", "granted"),
    [
        ("MIT", True),
        ("mit", True),
        ("GPL-3.0-only", False),
        ("MIT AND PSF-2.0", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND (GPL-2.0-only OR Apache-2.0)", True),
        ("MIT AND (GPL-2.0-only OR LGPL-2.1-only)", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("MIT OR", False),
        ("LicenseRef-Proprietary", False),
        ("Some licence of ours", False),
        ("", False),
        (None, False),
    ],
)
def test_an_expression_is_granted_if_the_list_grants_it(expression: str | None, granted: bool) -> None:
    assert gate(LICENCES)(expression) is granted


def test_old_names_in_the_list_mean_what_they_mean_in_expressions() -> None:
    assert gate(["GPL-2.0"])("GPL-2.0-only")
    assert gate(["GPL-2.0-only WITH Classpath-exception-2.0"])("GPL-2.0-only WITH Classpath-exception-2.0")
