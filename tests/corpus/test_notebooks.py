"""Code cells of notebooks as Python text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from charmer.corpus.notebooks import code
from charmer.corpus.parsing import syntax_error
from charmer.corpus.reading import Unreadable


def notebook(*sources: str | list[str], **metadata: Any) -> str:
    cells = [{"cell_type": "code", "source": source, "outputs": [], "metadata": {}} for source in sources]
    cells.insert(1, {"cell_type": "markdown", "source": ["# A title"], "metadata": {}})
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def test_code_cells_in_order_with_an_empty_line_between() -> None:
    assert code(notebook(["import os\n", "x = 1"], "", "y = 2\n")) == "import os\nx = 1\n\ny = 2\n"


def test_what_only_ipython_understands_becomes_comments() -> None:
    text = code(notebook("%matplotlib inline\n!pip install x\nx = 5 % 3\nx?\nif x:\n    %time y = 1\n    z = 2\nx.y??"))
    assert (
        text
        == "# %matplotlib inline\n# !pip install x\nx = 5 % 3\n# x?\nif x:\n#     %time y = 1\n    z = 2\n# x.y??\n"
    )
    assert syntax_error(text) is None


def test_cells_of_other_languages_become_comments_and_timed_ones_stay() -> None:
    assert code(notebook("%%bash\nls -l\n\necho done", "%%time\nx = 1")) == (
        "# %%bash\n# ls -l\n\n# echo done\n\n# %%time\nx = 1\n"
    )


def test_the_older_format_keeps_its_cells_in_worksheets() -> None:
    cells = [{"cell_type": "code", "input": ["x = 1\n", "y = 2"]}, {"cell_type": "heading", "source": "no code"}]
    assert code(json.dumps({"worksheets": [{"cells": cells}], "nbformat": 3})) == "x = 1\ny = 2\n"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("not JSON", "JSONDecodeError"),
        ("[]", "AttributeError"),
        ("{}", "KeyError"),
        ('{"cells": [1]}', "AttributeError"),
        ("[" * 100_000, "RecursionError"),
        (notebook("x = '\ud800'"), "UnicodeEncodeError"),
        (notebook("x", language_info={"name": "R\ud800"}), "UnicodeEncodeError"),
        (notebook("x", language_info={"name": "R"}), "its language is R"),
        (notebook("x", kernelspec={"language": "julia"}), "its language is julia"),
    ],
)
def test_what_is_no_python_notebook_is_refused(text: str, detail: str) -> None:
    with pytest.raises(Unreadable) as caught:
        code(text)
    assert caught.value.reason == "not a notebook"
    assert caught.value.detail.startswith(detail)
