"""The weights of `check`, fitted: what shows slips gains weight, and sound files keep all of it low."""

import json

import numpy as np
import pyarrow as pa
import pytest
from charmer.common.files import write_table
from charmer.errors import fit, fitting, weights


def example(right, kinds):
    """A file whose edits each show one piece of evidence; the edit number `right` undoes its slip; None: none does."""
    evidence = [{kind: 1.0} for kind in kinds]
    return fitting.Example(evidence, [float(at == right) for at in range(len(kinds))])


BROKEN = [example(at % 3, ["plain"] * (at % 3) + ["telling"] + ["plain"] * (2 - at % 3)) for at in range(30)]
SOUND = [example(None, ["plain"] * 3) for _ in range(30)]


def test_what_shows_slips_gains_weight():
    fitted = fitting.fit([*BROKEN, *SOUND])
    assert fitted["telling"] > fitted["plain"]
    assert weights.score(fitted, BROKEN[0].evidence[0]) > 0 > weights.score(fitted, SOUND[0].evidence[0])


def test_a_score_is_a_log_odds_against_nothing_wrong():
    """Where the same edit stands alone in as many broken as sound files, it is right as often as not."""
    fitted = fitting.fit([example(0, ["even"])] * 40 + [example(None, ["even"])] * 40, penalty=0.0)
    assert weights.score(fitted, {"even": 1.0}) == pytest.approx(0.0, abs=0.05)


def test_rare_evidence_is_left_out():
    assert "once" not in fitting.fit([*BROKEN, *SOUND, example(None, ["once"])])


def test_a_fit_is_the_same_twice_and_keeps_a_fifth_of_the_packages_apart(tmp_path):
    body = "\n".join(f"def f{n}(first, second):\n    return first - second * {n}\n" for n in range(60))
    rows = [{"text": body, "package": f"p{n}", "path": f"{n}.py"} for n in range(40)]
    write_table(tmp_path / "shard-00000.parquet", pa.Table.from_pylist(rows))
    chosen = fit.files(tmp_path, 30, seed=1)
    assert chosen == fit.files(tmp_path, 30, seed=1)
    assert len(chosen) == 30 and 0 < sum(one.apart for one in chosen) < 15
    assert 0 < sum(one.fix is None for one in chosen) < 20


def test_the_weights_that_ship_are_numbers_by_name():
    shipped = json.loads(weights.SHIPPED.read_text())
    assert weights.FREE in shipped and all(np.isfinite(list(shipped.values())))
