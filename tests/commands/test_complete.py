"""`charmer complete`: places, encodings, values that do not go together, and what stands on standard output."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from charmer import cli
from charmer.commands import complete
from charmer.inference import ngram_cache
from charmer.inference.ngram_cache import NgramCache


@pytest.fixture
def ask(uniform: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run the command on bytes at standard input; gives exit code, standard output and standard error."""

    def run(data: bytes, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code = cli.main(["complete", "--model", str(uniform.folder), "--threads", "1", *arguments])
        return code, *capsys.readouterr()

    return run


def test_the_suggestion_alone_is_on_standard_output_and_the_seed_decides_it(ask):
    drawn = ("--temperature", "1", "--max-tokens", "8", "--until", "file")
    code, first, errors = ask(b"x = ", *drawn, "--seed", "3")
    assert code == 0 and errors == "" and first.strip()
    assert ask(b"x = ", *drawn, "--seed", "3") == (0, first, "")
    assert ask(b"x = ", *drawn, "--seed", "4") != (0, first, "")


def test_one_suggestion_waits_for_no_compiler(ask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "charmer.inference.kernel", None)  # to import it is an error
    monkeypatch.delitem(sys.modules, "charmer.inference.steps", raising=False)
    assert ask(b"x = ", "--max-tokens", "2")[0] == 0


def test_another_file_says_what_is_likely_where_the_model_has_an_n_gram_cache(
    ask, uniform: SimpleNamespace, tmp_path: Path
):
    (tmp_path / "other.py").write_bytes(b"frobnicate(alpha)\r\n" * 3)
    asked = b"frobn", "--beside", str(tmp_path / "other.py"), "--until", "line", "--max-tokens", "20"
    code, _, errors = ask(*asked)
    assert code == 0 and "this model has no n-gram cache" in errors
    ngram_cache.write(uniform.folder / ngram_cache.NAME, NgramCache((-20.0,) * 4, (1.0,) * 4))
    try:
        assert ask(*asked) == (0, "icate(alpha)\n", "")
    finally:
        (uniform.folder / ngram_cache.NAME).unlink()


def test_several_suggestions_are_numbered_and_differ(ask):
    _, out, _ = ask(b"x = ", "--n", "2", "--temperature", "1", "--max-tokens", "8", "--until", "file")
    first, second = out.split("# 2 of 2\n")
    assert first.startswith("# 1 of 2\n") and first.removeprefix("# 1 of 2\n").strip() != second.strip()


def test_each_token_is_explained_by_its_alternatives(ask):
    code, out, _ = ask(b"x = ", "--explain", "--max-tokens", "3", "--until", "file", "--temperature", "1")
    table, _, _ = out.partition("\n\n")
    lines = table.splitlines()
    assert code == 0 and len(lines) == 3 and all(line.count("%") == 6 for line in lines)  # one of 257 is 0.4 %


def test_only_valid_code_is_written(ask):
    from charmer.inference.valid import alive

    _, out, _ = ask(b"x = (1, ", "--only-valid", "--max-tokens", "12", "--temperature", "1", "--until", "file")
    assert alive("x = (1, " + out.removesuffix("\n"))


@pytest.mark.parametrize(
    ("text", "at", "before"),
    [
        ("a\nbc\n", "1:1", ""),
        ("a\nbc\n", "2:3", "a\nbc"),
        ("a\nbc\n", "3:1", "a\nbc\n"),
        ("a\r\nßc\r\n", "2:2", "a\r\nß"),
        ("a\rb", "2:1", "a\r"),
        ("", "1:1", ""),
        ("a\x0cb\u2028c", "1:4", "a\x0cb"),
    ],
)
def test_places_count_lines_and_characters_from_one(text, at, before):
    assert complete.parts(text, "t.py", complete.place(at)) == (before, text[len(before) :])


@pytest.mark.parametrize(
    ("data", "arguments", "code", "words"),
    [
        (b"x = 1\n", ["--at", "9:1"], 1, "standard input has 2 lines"),
        (b"x = 1\n", ["--at", "1:7"], 1, "line 1 of standard input ends at column 6"),
        (b"x\0y", [], 1, "null bytes"),
        (b"\x81\xff\xfe\x00\x01", [], 1, "UTF-8"),
        (b"x = = ", ["--only-valid"], 1, "--only-valid"),
        (b"x", ["--model", "nowhere"], 1, "config.json"),
        (b"x", ["--top-k", "3"], 2, "--top-k: has no effect at temperature 0"),
        (b"x", ["--seed", "3"], 2, "--seed"),
        (b"x", ["--n", "3"], 2, "--n 3"),
        (b"x", ["--temperature", "nan"], 2, "--temperature"),
        (b"x", ["--temperature", "1", "--top-p", "0"], 2, "--top-p: 0.0 is out of range"),
        (b"x", ["--temperature", "1", "--min-p", "2"], 2, "--min-p"),
        (b"x", ["--repetition-penalty", "0"], 2, "--repetition-penalty"),
        (b"x", ["--stop", ""], 2, "--stop"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(ask, data, arguments, code, words):
    found, out, errors = ask(data, *arguments)
    assert (found, out) == (code, "") and words in errors and errors.count("\n") == 1


@pytest.mark.parametrize("at", ["0:1", "1:0", "1", "a:b", "1:2:3", "-1:1", "²:1"])
def test_a_place_in_another_form_is_wrong_usage(ask, at):
    with pytest.raises(SystemExit) as ended:
        ask(b"", f"--at={at}")
    assert ended.value.code == 2


def test_files_are_read_in_their_own_encoding(tmp_path: Path, ask):
    latin = "# coding: latin-1\nname = 'Größe'\r\n"
    (tmp_path / "latin.py").write_bytes(latin.encode("latin-1"))
    assert complete.text_of(str(tmp_path / "latin.py"))[0] == latin
    assert complete.decoded("\ufeffx".encode(), "-") == "x"
    assert (
        ask(b"", str(tmp_path / "nothing.py"))[2] == f"charmer complete: {tmp_path}/nothing.py: there is no such file\n"
    )
    code, _, errors = ask(b"", str(tmp_path))
    assert code == 1 and "folder" in errors


def test_ten_megabytes_are_no_trouble(ask):
    code, out, _ = ask(b"x = 'a'  # one of many lines\n" * 360_000, "--max-tokens", "2", "--until", "file")
    assert code == 0 and out
    assert ask(b"x" * (complete.LARGEST + 1))[0] == 1
