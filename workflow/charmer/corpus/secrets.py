"""Keys, tokens, passwords and e-mail addresses, found and replaced by placeholders of the same kind.

Notable here:
- The detector is Yelp's detect-secrets. It reads 0.3 MB/s, so it sees only the lines that `suspicious` picks with a
  few substring searches a file.
- What it finds is then held to rules (`credible`), because most of it is none: digests, words, format strings.
- Nothing is ever looked up or verified over the network: plugins are called directly.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from detect_secrets.core.plugins.initialize import from_plugin_classname
from detect_secrets.filters import heuristic
from detect_secrets.plugins.base import BasePlugin, RegexBasedDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.high_entropy_strings import HighEntropyStringsPlugin

PLUGINS = [
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "CloudantDetector",
    "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector", "Base64HighEntropyString",
    "HexHighEntropyString", "IbmCloudIamDetector", "IbmCosHmacDetector", "JwtTokenDetector", "KeywordDetector",
    "MailchimpDetector", "NpmDetector", "OpenAIDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector",
    "SoftlayerDetector", "SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector", "TwilioKeyDetector",
]  # fmt: skip

# The words of detect-secrets' keyword detector: some alone, some before "key" or "pass" with or without a dash.
KEYWORDS = [b"pwd", b"secret", b"contrase", b"softlayer", b"cloudant", b"authtoken"]
_BEFORE_KEY = (b"api", b"auth", b"service", b"account", b"db", b"database", b"priv", b"private", b"client")
_BEFORE_PASS = (b"db", b"database", b"key")
BEFORE_KEY = (*_BEFORE_KEY, *(word + b"_" for word in _BEFORE_KEY))
BEFORE_PASS = (*_BEFORE_PASS, *(word + b"_" for word in _BEFORE_PASS))
PREFIXES = [
    b"AKC", b"A3T", b"ABIA", b"ACCA", b"AKIA", b"ASIA", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"glpat-",
    b"gldt-", b"glft-", b"glsoat-", b"glrt-", b"GR1348941", b"glcbt-", b"glimt-", b"glptt-", b"glagent-", b"gloas-",
    b"eyJ", b"-us", b"T3BlbkFJ", b"pypi-Ag", b"SG.", b"xox", b"hooks.slack.com", b"sq0csp-", b"k_live_",
]  # fmt: skip
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
DIGITS = b"0123456789"


def _classes(alphabet: bytes) -> bytes:
    """A translation table: the alphabet's bytes to "a", quotes to "q", all others to blanks."""
    return bytes(ord("a") if byte in alphabet else ord("q") if byte in b"'\"" else ord(" ") for byte in range(256))


PLACEHOLDERS = {
    "key": b"EXAMPLE_KEY",
    "token": b"EXAMPLE_TOKEN",
    "password": b"EXAMPLE_PASSWORD",
    "private key": b"EXAMPLE_PRIVATE_KEY",
    "e-mail": b"user@example.com",
}
SERVICES = {
    "AWSKeyDetector": "key", "ArtifactoryDetector": "key", "AzureStorageKeyDetector": "key", "CloudantDetector": "key",
    "IbmCloudIamDetector": "key", "IbmCosHmacDetector": "key", "MailchimpDetector": "key", "OpenAIDetector": "key",
    "SendGridDetector": "key", "SoftlayerDetector": "key", "SquareOAuthDetector": "key", "StripeDetector": "key",
    "TwilioKeyDetector": "key", "DiscordBotTokenDetector": "token", "GitHubTokenDetector": "token",
    "GitLabTokenDetector": "token", "JwtTokenDetector": "token", "NpmDetector": "token", "PypiTokenDetector": "token",
    "SlackDetector": "token", "TelegramBotTokenDetector": "token",
}  # fmt: skip
LONGEST_LINE = 2000  # bytes; the detector's patterns are slow on long ones
EXAMPLE = re.compile(r"example|dummy|fake|sample|placeholder|redacted|xxxx", re.IGNORECASE)
MADE_UP = re.compile(
    r"(?:(?:my|your|the|some|a|any|test|user|foo|bar|baz|spam|eggs|bad|wrong|invalid|new|old|change|me|value|here|pass|"
    r"password|passwd|passphrase|pwd|secret|token|key|api|auth|client|access|account|admin|root)[\W\d_]*)+",
    re.IGNORECASE,
)
ESCAPE = re.compile(rb"x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.")
NOT_LITERAL = re.compile(r"[\s{}<>()\[\]%]")
GROUPS = re.compile(r"[a-z]+|[A-Z]+|[0-9]+|[^a-zA-Z0-9]+")
NAME_BEFORE = re.compile(r"([\w-]+)[\"'\]]*\s*(?:[:=!]?=|:|\(|=>)\s*\(?[rbuRBU]*[\"'`]$")
NO_SECRET_NAME = re.compile(
    r"public|hash|digest|md5|sha\d|crc|checksum|etag|type|name|regex|pattern|ids?$", re.IGNORECASE
)
NAMES = {
    "password": re.compile(r"passw|passphrase|pwd|_pass$|^pass$", re.IGNORECASE),
    "token": re.compile(r"token|bearer|jwt", re.IGNORECASE),
    "key": re.compile(
        r"secret|credential|(?:api|auth|access|account|service|client|priv|private|db)_?key", re.IGNORECASE
    ),
}
RANDOM = {"password": (6, 2), "token": (16, 4), "key": (16, 4)}  # characters, and groups of like ones, at least
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(.{64,20000}?)-----END", re.DOTALL)
KEY_LINE = re.compile(rb"[A-Za-z0-9+/=]{16,}")
ADDRESS_NAME = re.compile(rb"[A-Za-z0-9_\x80-\xff][A-Za-z0-9_.+\x80-\xff-]*$")
ADDRESS_HOST = re.compile(rb"(?:[A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,24}(?![A-Za-z0-9-])")
NO_NAME = re.compile(rb"git|hg|svn|[0-9.]+|[0-9a-fA-F-]{20,}")  # logins of servers, identifiers of messages
RESERVED_HOST = re.compile(rb"(?:^|\.)(?:example(?:\.(?:com|org|net|edu))?|test|invalid|localhost|local)$")
FILE_ENDINGS = frozenset(b"py pyi png jpg jpeg gif svg json yaml yml html htm css js txt md so dll zip gz".split())

WORD = _classes(LETTERS + DIGITS + b"_-")
BASE64 = _classes(LETTERS + DIGITS + b"+/-_=")
HEX = _classes(DIGITS + b"abcdefABCDEF")
RUN = re.compile(rb"a+")
ENTROPY_BASE64 = 23  # distinct characters that a base64 string needs for the detector's limit of 4.5 bits each
ENTROPY_HEX = 9  # and a hexadecimal one for 3 bits


def suspicious(data: bytes) -> list[tuple[int, int]]:
    """The lines of a file, as ranges of its bytes, in which the detector could find anything, in order."""
    lower = data.lower()
    at = [place for word in KEYWORDS for place in _occurrences(lower, word)]
    at += [place for place in _occurrences(lower, b"key") if lower.endswith(BEFORE_KEY, 0, place)]
    for place in _occurrences(lower, b"pass"):
        if lower.startswith((b"word", b"wd"), place + 4) or lower.endswith(BEFORE_PASS, 0, place):
            at.append(place)
    at += [place for word in PREFIXES for place in _occurrences(data, word)]
    at += [place for place in _occurrences(data, b"://") if b"@" in data[place : place + 300].split(b"\n", 1)[0]]
    for run, begin in _runs(data, WORD, b"a" * 24):  # tokens of services need no quotes, but have digits
        if sum(map(run.count, b"0123456789")) >= 2:
            at.append(begin)
    for table, shortest, distinct in ((BASE64, ENTROPY_BASE64, ENTROPY_BASE64), (HEX, ENTROPY_HEX, ENTROPY_HEX)):
        for run, begin in _runs(data, table, b"q" + b"a" * shortest):
            if len(set(run)) >= distinct:
                at.append(begin)
    lines: list[tuple[int, int]] = []
    for place in sorted(at):
        if not lines or place >= lines[-1][1]:
            end = data.find(b"\n", place)
            lines.append((data.rfind(b"\n", 0, place) + 1, len(data) if end < 0 else end))
    return lines


def _occurrences(data: bytes, word: bytes) -> Iterator[int]:
    place = data.find(word)
    while place >= 0:
        yield place
        place = data.find(word, place + len(word))


def _runs(data: bytes, table: bytes, needle: bytes) -> Iterator[tuple[bytes, int]]:
    """Runs of the table's alphabet that begin with `needle`, but for its quote, and where they begin."""
    classes = data.translate(table)
    quote = needle.startswith(b"q")
    place = classes.find(needle)
    while place >= 0:
        begin = place + quote
        match = RUN.match(classes, begin)
        assert match
        end = match.end()
        if not quote or data[end : end + 1] == data[place : place + 1]:
            yield data[begin:end], begin
        place = classes.find(needle, end)


@functools.cache
def _plugins() -> list[BasePlugin]:
    return [from_plugin_classname(name) for name in PLUGINS]


def detected(line: str) -> Iterator[tuple[BasePlugin, str]]:
    """What detect-secrets finds in one line: the plugin and the secret."""
    for plugin in _plugins():
        for secret in _matches(plugin, line) if isinstance(plugin, RegexBasedDetector) else plugin.analyze_string(line):
            if not isinstance(plugin, HighEntropyStringsPlugin) or (
                plugin.calculate_shannon_entropy(secret) > plugin.entropy_limit
            ):
                yield plugin, secret


def _matches(plugin: RegexBasedDetector, line: str) -> Iterator[str]:
    """What a pattern matches, whole; or its group where that is most of it or a URL's password.

    (The plugins themselves give any group, which for a GitHub token is "ghp".)
    """
    for pattern in plugin.denylist:
        for match in pattern.finditer(line):
            group = max((part for part in match.groups() if part), key=len, default="")
            inner = isinstance(plugin, BasicAuthDetector) or 3 * len(group) >= len(match[0])
            yield group if group and inner else match[0]


@dataclass(frozen=True)
class Secret:
    """One hit: bytes `begin` to `end` of a file's UTF-8, of a kind of PLACEHOLDERS, and what to put there."""

    begin: int
    end: int
    kind: str
    replacement: bytes


def find(data: bytes) -> list[Secret]:
    """All secrets and e-mail addresses of a file, in order and without overlaps.

    Args:
        data: the file's UTF-8.
    """
    hits = list(_private_keys(data)) if b"PRIVATE KEY-----" in data else []
    for begin, end in suspicious(data):
        if end - begin > LONGEST_LINE:
            continue
        line = data[begin:end].decode("utf-8")
        for plugin, secret in detected(line):
            if kind := credible(plugin, secret, line):
                for place in _occurrences(data[begin:end], secret.encode()):
                    hits.append(_hit(data, begin + place, begin + place + len(secret.encode()), kind))
    hits += _addresses(data)
    hits.sort(key=lambda hit: (hit.begin, -hit.end))
    apart: list[Secret] = []
    for hit in hits:
        if hit.begin < hit.end and (not apart or hit.begin >= apart[-1].end):
            apart.append(hit)
    return apart


def replace(data: bytes, secrets: Sequence[Secret]) -> bytes:
    """The file with each secret replaced by its placeholder."""
    parts, at = [], 0
    for secret in secrets:
        parts += [data[at : secret.begin], secret.replacement]
        at = secret.end
    return b"".join([*parts, data[at:]])


def _hit(data: bytes, begin: int, end: int, kind: str) -> Secret:
    """A hit that leaves an escape before it whole: of `\\nname@host`, the `n` belongs to the backslash."""
    backslashes = 0
    while begin > backslashes and data[begin - backslashes - 1] == ord("\\"):
        backslashes += 1
    escape = ESCAPE.match(data, begin, end) if backslashes % 2 else None
    return Secret(escape.end() if escape else begin, end, kind, PLACEHOLDERS[kind])


def credible(plugin: BasePlugin, secret: str, line: str) -> str:
    """The kind of a hit that is a secret indeed, or nothing. The rules, in this order:

    - Nothing with a blank, a bracket or a sign of a format string is one, nor an alphabet or a UUID.
    - A token that one service's detector knows by its form must stand alone, not within a longer word (four letters
      of a DNA sequence are no access key), and must not call itself an example.
    - Anything else must be put into something that is named as a secret: `api_key = "…"`, `token("…")`,
      `{"password": "…"}`, `://user:…@host`. Randomness alone is what digests, identifiers and test data have, too; so
      a name that speaks of those (`token_hash`, `key_id`, `public_key`) does not count.
    - It must look random for its kind, and not consist of words that say it is made up.
    """
    if NOT_LITERAL.search(secret) or heuristic.is_sequential_string(secret) or heuristic.is_potential_uuid(secret):
        return ""
    detector = type(plugin).__name__
    if detector in SERVICES:
        alone = re.search(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", line)
        return SERVICES[detector] if alone and len(set(secret)) >= 10 and not EXAMPLE.search(secret) else ""
    if detector == "BasicAuthDetector":
        kind = "password"
    else:
        name = NAME_BEFORE.search(line[: line.find(secret)])
        kind = _kind_of(name[1]) if name else ""
    shortest, fewest = RANDOM.get(kind, (0, 0))
    groups = GROUPS.findall(secret)
    random = len(secret) >= shortest and len(groups) >= fewest and any(map(str.isdigit, secret))
    return kind if random and not MADE_UP.fullmatch(secret) and not EXAMPLE.search(secret) else ""


def _kind_of(name: str) -> str:
    """The kind of secret that a variable, parameter or key of this name holds, or nothing."""
    if NO_SECRET_NAME.search(name):
        return ""
    return next((kind for kind, names in NAMES.items() if names.search(name)), "")


def _private_keys(data: bytes) -> Iterator[Secret]:
    """The base64 lines between the BEGIN and END marks of private keys; a mark alone is no key."""
    for block in PRIVATE_KEY.finditer(data):
        for run in KEY_LINE.finditer(data, block.start(1), block.end(1)):
            yield _hit(data, run.start(), run.end(), "private key")


def _addresses(data: bytes) -> Iterator[Secret]:
    """E-mail addresses, but for those that the standards reserve for examples (RFC 2606)."""
    for place in _occurrences(data, b"@"):
        near = data[max(0, place - 1) : place + 2]
        if len(near) == 3 and (near[:1].isalnum() or near[0] >= 0x80) and near[2:].isalnum():
            before = ADDRESS_NAME.search(data, max(0, place - 64), place)
            after = ADDRESS_HOST.match(data, place + 1)
            if before and after and not _no_address(data, before, after):
                yield _hit(data, before.start(), after.end(), "e-mail")


def _no_address(data: bytes, name: re.Match[bytes], host: re.Match[bytes]) -> bool:
    """Whether it is reserved for examples, a file (`icon@2x.png`), a server's login, a message's or part of a URL."""
    in_url = data[name.start() - 1 : name.start()] in (b":", b"/") and not data.endswith(b"mailto:", 0, name.start())
    reserved = RESERVED_HOST.search(host[0].lower()) is not None
    ending = host[0].lower().rpartition(b".")[2]
    return in_url or reserved or ending in FILE_ENDINGS or NO_NAME.fullmatch(name[0]) is not None
