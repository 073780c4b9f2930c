"""A file is read as text and written back with one edit: every byte that is not the edit's stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from charmer.common.failure import Failure
from charmer.errors.document import Document, alone
from charmer.errors.edits import Edit


def mended(path: Path, old: str, new: str) -> bytes:
    document = Document.read(path)
    start = document.text.index(old)
    return document.edited(Edit(start, start + len(old), new))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"x = 1\r\ny = 2\r\n", b"x = 1\r\ny = 3\r\nz = 4\r\n"),
        (b"x = 1\r\ny = 2\nz = 0\r\n", b"x = 1\r\ny = 3\nz = 4\nz = 0\r\n"),
        (b"x = 1\ry = 2\r", b"x = 1\ry = 3\rz = 4\r"),
        (b"x = 1\ny = 2", b"x = 1\ny = 3\nz = 4"),
        (b"\xef\xbb\xbfx = '\xc3\xbc'\r\ny = 2\r\n", b"\xef\xbb\xbfx = '\xc3\xbc'\r\ny = 3\r\nz = 4\r\n"),
        (b"# coding: latin-1\nx = '\xfc'\ny = 2\n", b"# coding: latin-1\nx = '\xfc'\ny = 3\nz = 4\n"),
    ],
    ids=["crlf", "mixed", "cr", "no last newline", "byte order mark", "latin-1"],
)
def test_ends_of_lines_and_encodings_stay(tmp_path: Path, before: bytes, after: bytes):
    path = tmp_path / "a.py"
    path.write_bytes(before)
    assert mended(path, "y = 2", "y = 3\nz = 4") == after
    text = Document.read(path).text
    assert Document.read(path).with_text(text.replace("y = 2", "y = 3\nz = 4")) == after


def test_mode_stays_and_a_link_leads_to_the_file(tmp_path: Path):
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    path.chmod(0o750)
    (tmp_path / "link.py").symlink_to(path)
    document = Document.read(tmp_path / "link.py")
    document.write(b"x = 2\n")
    assert path.read_text() == "x = 2\n" and path.stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "link.py").is_symlink() and len(list(tmp_path.iterdir())) == 2


def test_what_somebody_else_wrote_meanwhile_stays(tmp_path: Path):
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    document = Document.read(path)
    path.write_text("x = 5\n")
    with pytest.raises(Failure, match="was changed meanwhile"):
        document.write(b"x = 2\n")
    assert path.read_text() == "x = 5\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\x7fELF\0\0", "binary"),
        (b"x = '\xff\xfe'\n", "cannot be decoded"),
        (b"# coding: nonsense\nx = 1\n", "cannot be decoded"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(tmp_path: Path, content: bytes, said: str):
    path = tmp_path / "a.py"
    path.write_bytes(content)
    with pytest.raises(Failure, match=said) as failure:
        Document.read(path)
    assert str(path) in str(failure.value) and "\n" not in str(failure.value)


def test_a_read_only_file_is_refused_before_any_work(tmp_path: Path):
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    path.chmod(0o444)
    with pytest.raises(Failure, match="read-only"):
        Document.read(path).check_writable()


def test_a_second_process_is_kept_out(tmp_path: Path):
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    other = (
        "import sys\nfrom pathlib import Path\nfrom charmer.errors.document import alone\n"
        "try:\n    with alone(Path(sys.argv[1])): print('in')\nexcept Exception as error: print(error)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", other, str(path)]
    with alone(path):
        assert (
            "another `charmer fix` is at work"
            in subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout
        )
    assert subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout == "in\n"
