"""The metrics of `check`, on files whose verdicts can be told beforehand."""

from pathlib import Path

import pyarrow as pa
import pytest
from charmer.common.files import write_table
from charmer.errors.breaking import COLUMNS
from charmer.errors.cases import Case
from charmer.errors.edits import Edit
from charmer.evaluation import bug_finding, false_alarms, syntax_repair

SOUND = "def first(rows):\n    if not rows:\n        return None\n    return rows[0]\n"


def row(broken: str, fix: str, place: int, end: int, family: str, withheld: bool = False) -> dict:
    line, column = broken.count("\n", 0, place) + 1, place - broken.rfind("\n", 0, place)
    return {
        "original": SOUND, "broken": broken, "kind": "k", "family": family, "withheld": withheld, "line": line,
        "column": column, "end_line": line, "end_column": column + end - place, "error": None, "error_line": None,
        "fix": fix, "source": "s", "package": "p", "path": "a.py",
    }  # fmt: skip


@pytest.fixture
def data(tmp_path: Path, world: dict[str, Path]) -> dict[str, Path]:
    colon, sign = SOUND.index(":"), SOUND.index("not ")
    rows = [
        row(SOUND.replace("rows):", "rows)"), ":", colon, colon, "syntax"),
        row(SOUND.replace("not ", ""), "not ", sign, sign, "semantic"),
        row(SOUND.replace("not ", ""), "not ", sign, sign, "semantic", withheld=True),
    ]
    table = tmp_path / "test.parquet"
    write_table(table, pa.Table.from_pylist(rows, COLUMNS))
    return {"test_broken": table, "test_shards": world["test_shards"]}


def values(table: pa.Table) -> dict[str, float]:
    return dict(zip(table["slice"].to_pylist(), table["value"].to_pylist(), strict=True))


def test_a_colon_that_is_missing_is_put_back(world, data):
    found = values(syntax_repair.evaluate(world["model"], data, {"cases": 5}, threads=1))
    assert (found["parses"], found["restored by one of the repairs"]) == (1.0, 1.0)


def test_a_repair_that_loses_a_statement_or_changes_much_does_not_count():
    def honest(broken: str, edit: Edit) -> bool:
        case = Case(SOUND, broken, "k", "syntax", False, 1, 1, None, None, edit, "p", "a.py")
        return syntax_repair.honest(case, edit)

    broken = SOUND.replace("return None", "retrun None")
    place = broken.index("retrun")
    assert honest(broken, Edit(place, place + 6, "return"))
    assert honest(broken, Edit(place, place + 11, "pass"))
    assert not honest(broken, Edit(broken.index("    if"), broken.index("    return rows"), ""))
    assert not honest(broken, Edit(0, len(broken), ""))


def test_every_figure_of_bug_finding_is_a_share(world, data):
    found = values(bug_finding.evaluate(world["model"], data, {"cases": 5, "withheld": 5}, threads=1))
    seconds = found.pop("seconds a file")
    assert seconds > 0
    assert all(0 <= value <= 1 for value in found.values())
    assert found["line first, random ranking"] == pytest.approx(1 / 3)  # of the three lines that an edit could be on
    assert found["line in the top 3, random ranking"] == 1.0
    assert found["line in the top 3"] == 1.0
    assert found["line first"] == found["line first, withheld operators"]


def test_a_model_that_was_not_calibrated_is_quiet(world, data):
    found = values(false_alarms.evaluate(world["model"], data, {"lines": 1000}, threads=1))
    assert found["per 500 lines"] == 0.0
