"""The weights of `check`, fitted: what shows slips gains weight, and sound files keep all of it low."""

import json

import numpy as np
import pyarrow as pa
import pytest
from charmer.common.files import write_table
from charmer.errors import examples, fit, fitting, weights
from charmer.errors.edits import Edit
from charmer.model import folder
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer


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


def test_weights_before_stay_where_nothing_is_shown_and_give_way_where_something_is():
    before = {weights.FREE: -8.0, "never shown": 2.0, "telling": -1.0, "plain": 1.0}
    fitted = fitting.fit([*BROKEN, *SOUND], before)
    assert fitted["never shown"] == 2.0
    assert fitted["telling"] > 1.0 > fitted["plain"]
    assert fitting.fit([*BROKEN, *SOUND], fitted, penalty=1e6)["telling"] == pytest.approx(fitted["telling"], abs=0.01)


def test_a_score_is_a_log_odds_against_nothing_wrong():
    """Where the same edit stands alone in as many broken as sound files, it is right as often as not."""
    fitted = fitting.fit([example(0, ["even"])] * 40 + [example(None, ["even"])] * 40, penalty=0.0)
    assert weights.score(fitted, {"even": 1.0}) == pytest.approx(0.0, abs=0.05)


def test_the_unit_of_evidence_decides_nothing():
    def scored(unit):
        files = [*BROKEN, *SOUND]
        grown = [[{name: unit * value for name, value in one.items()} for one in file.evidence] for file in files]
        fitted = fitting.fit([fitting.Example(one, file.right) for one, file in zip(grown, files, strict=True)])
        return fitted["telling"] * unit, fitted["plain"] * unit

    assert scored(10.0) == pytest.approx(scored(1.0), abs=0.05)


def test_rare_evidence_is_left_out():
    assert "once" not in fitting.fit([*BROKEN, *SOUND, example(None, ["once"])])


def test_a_fit_is_the_same_twice_and_keeps_a_fifth_of_the_packages_apart(tmp_path):
    body = "\n".join(f"def f{n}(first, second):\n    return first - second * {n}\n" for n in range(60))
    rows = [{"text": body, "package": f"p{n}", "path": f"{n}.py"} for n in range(40)]
    write_table(tmp_path / "shard-00000.parquet", pa.Table.from_pylist(rows))
    chosen = examples.files(tmp_path, 30, seed=1)
    assert chosen == examples.files(tmp_path, 30, seed=1)
    assert len(chosen) == 30 and 0 < sum(examples.apart(one.package) for one in chosen) < 15
    assert all(1 <= len(set(one.slips)) == len(one.slips) <= examples.SLIPS for one in chosen)
    assert sum(len(one.slips) for one in chosen) > 60


def test_what_the_witnesses_say_is_kept_in_parts_and_made_once(tmp_path, capsys):
    tokenizer = Tokenizer.bytewise()
    model = Transformer(ModelConfig(tokenizer.vocab_size, 1, 16, 2, 1, 32, 256))
    model.initialise(0)
    tokenizer.save(tmp_path / "tokenizer.json")
    folder.save(tmp_path / "model", model, tmp_path / "tokenizer.json")
    body = "\n".join(f"def f{n}(first, second):\n    return first - second * {n}\n" for n in range(34))
    rows = [{"text": body, "package": f"p{n}", "path": f"{n}.py"} for n in range(4)]
    write_table(tmp_path / "shards" / "shard-00000.parquet", pa.Table.from_pylist(rows))
    places = [str(tmp_path / "model"), str(tmp_path / "shards"), "--heard", str(tmp_path), "--files", "4"]
    places += ["--out", str(tmp_path / "weights.json"), "--parts", "2"]
    fit.main([*places, "--part", "1"])
    assert not (tmp_path / "weights.json").exists(), "a part is missing"
    (part,) = tmp_path.glob("*-4-files-seed-1/001-of-002.parquet")
    before = part.stat().st_mtime_ns
    fit.main(places)
    assert part.stat().st_mtime_ns == before
    assert weights.FREE in json.loads((tmp_path / "weights.json").read_text())
    assert "fitted, packages apart:" in capsys.readouterr().out
    (heard, *_) = examples.read(part)
    read = [copies == 1.0 for copies, one in zip(heard.copies, heard.evidence, strict=True) if "unread" not in one]
    assert heard.length == 102 and read and all(read)


def test_with_a_slip_in_it_a_file_is_read_again_around_that_alone(tmp_path):
    body = "\n".join(f"def f{n}(first, second):\n    return first - second * {n}\n" for n in range(34))
    tokenizer, slip = Tokenizer.bytewise(), Edit(body.index("-"), body.index("-") + 1, "+", "operator")
    model = Transformer(ModelConfig(tokenizer.vocab_size, 1, 16, 2, 1, 32, 256))
    model.initialise(0)
    tokenizer.save(tmp_path / "tokenizer.json")
    folder.save(tmp_path / "model", model, tmp_path / "tokenizer.json")
    examples.hear(
        tmp_path / "model", [examples.File(body, (slip,), "p")], weights.shipped(), tmp_path / "heard.parquet"
    )
    sound, broken = examples.read(tmp_path / "heard.parquet")
    assert (sound.slip, broken.slip) == (0, 2) and not any(sound.right)
    answers = [one for one, right in zip(broken.evidence, broken.right, strict=True) if right]
    assert [one["operator: + to -"] for one in answers] == [1.0]
    far = [list(zip(one.lines, one.evidence, strict=True)) for one in (sound, broken)]
    far = [[row for row in rows if row[0] > 2 + examples.NEAR] for rows in far]
    assert far[0] == far[1] and len(far[0]) > 50
    near = [line for line in broken.lines if line <= 2 + examples.NEAR]
    assert {2, 2 + examples.NEAR} <= set(near)


def test_the_weights_that_ship_are_numbers_by_name():
    shipped = json.loads(weights.SHIPPED.read_text())
    assert weights.FREE in shipped and all(np.isfinite(list(shipped.values())))
