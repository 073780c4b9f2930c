"""Fingerprints: an edit in substance counts, anything else does not."""

import shutil
import sys
from pathlib import Path

import pytest
from charmer.common.files import write_json
from charmer.pipeline import fingerprint as module


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A small library: script -> charmer.a.one -> charmer.b.two (relative), with a template beside a's modules."""
    root = tmp_path / "charmer"
    files = {
        "__init__.py": '"""The library."""\n',
        "a/__init__.py": "",
        "a/one.py": "from charmer.b import two\n\ndef f(x):\n    return two.g(x) + 1\n",
        "a/page.html": "<p>",
        "a/unused.py": "X = 1\n",
        "b/__init__.py": "",
        "b/two.py": "from ..common import helper\n\ndef g(x):\n    '''Double.'''\n    return helper(x) * 2\n",
        "common/__init__.py": "def helper(x):\n    return x\n",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "script.py").write_text("from charmer.a.one import f\nf(1)\n")
    monkeypatch.setattr(module, "LIBRARY", root)
    monkeypatch.setattr(module, "KEPT", tmp_path / ".snakemake/fingerprints.json")
    return root


def fingerprint(library: Path, *modules: str) -> str:
    """As a process of its own finds it."""
    module._read.cache_clear()
    module._kept.cache_clear()
    return module.fingerprint(library.parent / "script.py", *modules)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("a/one.py", "+ 1", "+ 2"),
        ("b/two.py", "* 2", "* 3"),
        ("common/__init__.py", "return x", "return -x"),
        ("a/page.html", "<p>", "<div>"),
        ("../script.py", "f(1)", "f(2)"),
    ],
)
def test_an_edit_in_substance_counts_also_through_imports(library, name, old, new):
    before = fingerprint(library)
    path = library / name
    path.write_text(path.read_text().replace(old, new))
    assert fingerprint(library) != before
    path.write_text(path.read_text().replace(new, old))
    assert fingerprint(library) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("a/one.py", "def f", "# a comment\ndef f"),
        ("a/one.py", "two.g(x) + 1", "(two.g( x )\n        + 1)"),
        ("b/two.py", "'''Double.'''", "'''Twice the value.'''"),
        ("a/unused.py", "X = 1", "X = 2"),
        ("__init__.py", "The library.", "Our library."),
    ],
)
def test_comments_formatting_docstrings_and_modules_that_do_not_run_do_not_count(library, name, old, new):
    before = fingerprint(library)
    path = library / name
    path.write_text(path.read_text().replace(old, new))
    assert fingerprint(library) == before


def test_a_module_loaded_by_name_counts_when_it_is_named(library):
    before = fingerprint(library, "charmer.a.unused")
    (library / "a/unused.py").write_text("X = 2\n")
    assert fingerprint(library, "charmer.a.unused") != before


def test_byte_code_and_an_editors_backups_do_not_count(library):
    before = fingerprint(library)
    (library / "a" / "page.html~").write_text("<b>")
    (library / "a" / "one.py.orig").write_text("x")
    cache = library / "a" / "__pycache__"
    cache.mkdir()
    (cache / f"one.{sys.implementation.cache_tag}.pyc").write_bytes(b"anything")
    assert fingerprint(library) == before
    shutil.rmtree(cache)


def test_files_read_once_are_not_parsed_again_by_the_next_process(library, monkeypatch):
    before = fingerprint(library)
    write_json(module.KEPT, module._kept())  # as at the end of a process
    monkeypatch.setattr(module.ast, "parse", lambda *given, **named: pytest.fail("parsed again"))
    assert fingerprint(library) == before


@pytest.mark.parametrize("kept", ["", "[1, 2", '{"other bytes": ["digest"]}'])
def test_what_was_kept_may_be_lost_or_of_other_files(library, kept):
    before = fingerprint(library)
    module.KEPT.parent.mkdir()
    module.KEPT.write_text(kept)
    assert fingerprint(library) == before


def test_every_script_of_the_workflow_has_a_fingerprint_of_its_own():
    module._read.cache_clear()
    scripts = sorted((Path(module.__file__).parents[2] / "scripts").glob("*.py"))
    prints = {module.fingerprint(script) for script in scripts}
    assert len(prints) == len(scripts) >= 8


def test_fitting_the_weights_of_check_anew_leaves_what_training_reads_as_it_is(monkeypatch, tmp_path):
    scripts, data_files, read = Path(__file__).parents[2] / "workflow" / "scripts", module._data_files, {}
    monkeypatch.setattr(module, "KEPT", tmp_path / "fingerprints.json")
    for name in ("break", "train", "calibrate"):
        module._read.cache_clear()
        seen = read[name] = set()
        monkeypatch.setattr(module, "_data_files", lambda at, seen=seen: seen.update(data_files(at)) or data_files(at))
        module.fingerprint(scripts / f"{name}.py")
    names = {name: {path.name for path in paths} for name, paths in read.items()}
    assert "weights.json" in names["calibrate"]
    assert "weights.json" not in names["break"] | names["train"]
