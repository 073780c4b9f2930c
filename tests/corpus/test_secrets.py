"""Secrets: what is replaced, what only looks like one, and that code stays code."""

from __future__ import annotations

import ast
import inspect

import detect_secrets.core.scan
import pytest
from charmer.corpus.secrets import PLACEHOLDERS, detected, find, replace, suspicious


def replaced(text: str) -> str:
    data = text.encode()
    return replace(data, find(data)).decode()


def kinds(text: str) -> list[str]:
    return [hit.kind for hit in find(text.encode())]


# Put together here so that no scanner takes this file for a leak.
AWS = "AKIA" + "Z7QX2M4RT5WLP3KD"
GITHUB = "ghp_" + "Zk3Lq9Tn2Rv8Xw5Yb1Hd7Jf4Mc6Gs0Pa2Ku9"
SLACK = "xoxb-" + "2923412345-1029384756-" + "Zk3Lq9Tn2Rv8Xw5Yb1Hd7Jf4"
RANDOM = "q7Zk3Lq9Tn2Rv8Xw5Yb1Hd7Jf4"


@pytest.mark.parametrize(
    ("line", "kind", "after"),
    [
        (f'key = "{AWS}"', "key", 'key = "EXAMPLE_KEY"'),
        (f"# deployed with {GITHUB} once", "token", "# deployed with EXAMPLE_TOKEN once"),
        (f"notify(token='{SLACK}')", "token", "notify(token='EXAMPLE_TOKEN')"),
        ('password = "h7gT-93kfPz"', "password", 'password = "EXAMPLE_PASSWORD"'),
        ('config = {"passwd": "hunter2"}', "password", 'config = {"passwd": "EXAMPLE_PASSWORD"}'),
        (f'api_key = "{RANDOM}"', "key", 'api_key = "EXAMPLE_KEY"'),
        ('url = "https://ada:x7Kq92mZ@db.host.org/"', "password", 'url = "https://ada:EXAMPLE_PASSWORD@db.host.org/"'),
        ("# Author: Ada <ada.l@analytical.org>", "e-mail", "# Author: Ada <user@example.com>"),
        ("# see mailto:ada@analytical.org", "e-mail", "# see mailto:user@example.com"),
        ('text = "\\nada@analytical.org"', "e-mail", 'text = "\\nuser@example.com"'),
        ('text = "\\u266Bada@analytical.org"', "e-mail", 'text = "\\u266Buser@example.com"'),
        ('name = "Grüße, ädä@analytical.org"', "e-mail", None),
    ],
)
def test_a_secret_becomes_a_placeholder_of_its_kind(line: str, kind: str, after: str | None) -> None:
    assert kinds(line) == [kind]
    assert after is None or replaced(line) == after
    ast.parse(replaced(line))


@pytest.mark.parametrize(
    "line",
    [
        'sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
        'token_hash = "9f86d081884c7d659a2feaa0c55ad015"',
        'password = "%(password)s"',
        'password = f"{prefix}-{number}1"',
        'password = "<your-password-1>"',
        'password = "my_password1"',
        "password = getpass.getpass()",
        'user.password = "test123"',
        'ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"',
        'key_id = "0b7e1c52-8b1d-4c57-9a34-3f0de3b1a111"',
        'DNA = "AAACCATCTCTACCGGTTCGCTTTCACTGG"',
        'public_key = "q7Zk3Lq9Tn2Rv8Xw5Yb1Hd7Jf4"',
        "@functools.cache\ndef f(): return a@b.T",
        "# write to user@example.com, root@localhost or ops@host.test",
        "# git clone git@github.com:charmer/charmer.git",
        'icon = "logo@2x.png"',
        'url = "http://user:pass@www.python.org/"',
    ],
)
def test_what_only_looks_like_a_secret_stays(line: str) -> None:
    assert replaced(line) == line


def test_private_keys_lose_their_content_and_the_file_still_parses() -> None:
    body = "".join(f"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC{number:012d}\\n" for number in range(20))
    code = f'KEY = """-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----"""\nx = 1\n'
    after = replaced(code)
    assert "MIIE" not in after and after.count("EXAMPLE_PRIVATE_KEY") == 20
    assert after.endswith('-----END RSA PRIVATE KEY-----"""\nx = 1\n')
    ast.parse(after)
    mention = 'if line == "-----BEGIN RSA PRIVATE KEY-----":\n    skip()\n'
    assert replaced(mention) == mention


def test_replacing_twice_changes_nothing_more() -> None:
    text = f'a = "{AWS}"; mail = "ada@analytical.org"; password = "h7gT-93kfPz"\n'
    once = replaced(text)
    assert replaced(once) == once
    assert sum(once.count(word.decode()) for word in PLACEHOLDERS.values()) == 3


def test_the_prefilter_shows_the_detector_every_line_in_which_it_finds_something() -> None:
    lines = [
        *inspect.getsource(detect_secrets.core.scan).splitlines(),
        f'key = "{AWS}"',
        f"# deployed with {GITHUB} once",
        f"notify(token='{SLACK}')",
        'password = "h7gT-93kfPz"',
        'digest = "9f86d081884c7d659a2feaa0c55ad015"',
        f'blob = "{RANDOM}+/{RANDOM}"',
        'connect("postgresql://scott:tiger@localhost/test")',
        'SECRET_KEY: "something"',
    ]
    found = [line for line in lines if any(True for _ in detected(line))]
    data = "\n".join(lines).encode()
    shown = {data[begin:end].decode() for begin, end in suspicious(data)}
    assert len(found) >= 8
    assert set(found) <= shown
    assert len(shown) < len(lines) / 3
