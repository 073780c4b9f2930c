"""SPDX licence expressions from package metadata and licence files, and where each was found.

In this order: the License-Expression field (PEP 639), the License field, the classifiers, the licence files. A
statement that is ambiguous ("BSD") falls through to the next; nothing is guessed, so a licence may stay unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

LICENCE_FILE = re.compile(r"(licen[cs]e|copying|unlicense)[^/]*", re.IGNORECASE)
LONGEST_FILE = 200_000

# The License field holds free text; these spellings, lower case and without "the", "license", "version" and
# punctuation, are unambiguous. Valid SPDX expressions need no entry.
SPELLINGS = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache software 2.0": "Apache-2.0",
    "apache software": "Apache-2.0",
    "bsd 2 clause": "BSD-2-Clause",
    "simplified bsd": "BSD-2-Clause",
    "2 clause bsd": "BSD-2-Clause",
    "bsd 3 clause": "BSD-3-Clause",
    "3 clause bsd": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "mit": "MIT",
    "expat": "MIT",
    "isc": "ISC",
    "mpl 2.0": "MPL-2.0",
    "mozilla public 2.0": "MPL-2.0",
    "psf": "PSF-2.0",
    "python software foundation": "PSF-2.0",
    "zlib": "Zlib",
    "unlicense": "Unlicense",
    "gplv2": "GPL-2.0-only",
    "gplv3": "GPL-3.0-only",
    "lgplv3": "LGPL-3.0-only",
    "gpl 2": "GPL-2.0-only",
    "gpl 3": "GPL-3.0-only",
}

# Classifiers that name one licence; "BSD License", "GNU General Public License (GPL)" and "Public Domain" name none.
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
    "Zope Public License": "ZPL-2.1",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
}

# Sentences that a licence's own text holds and the others' do not; the first whose sentences are all there wins.
SENTENCES = [
    ("Apache-2.0", ["apache license version 2.0", "terms and conditions for use reproduction and distribution"]),
    ("AGPL-3.0-only", ["gnu affero general public license version 3", "terms and conditions"]),
    ("LGPL-3.0-only", ["gnu lesser general public license version 3"]),
    ("LGPL-2.1-only", ["gnu lesser general public license version 2.1"]),
    ("GPL-3.0-only", ["gnu general public license version 3", "terms and conditions"]),
    ("GPL-2.0-only", ["gnu general public license version 2", "terms and conditions"]),
    ("MPL-2.0", ["mozilla public license version 2.0", "1. definitions"]),
    ("PSF-2.0", ["python software foundation license version 2"]),
    ("BSL-1.0", ["boost software license version 1.0"]),
    ("CC0-1.0", ["cc0 1.0 universal"]),
    ("Unlicense", ["this is free and unencumbered software released into the public domain"]),
    (
        "BSD-3-Clause",
        [
            "redistribution and use in source and binary forms",
            "may be used to endorse or promote products derived from this software without specific prior",
        ],
    ),
    (
        "BSD-2-Clause",
        [
            "redistribution and use in source and binary forms",
            "redistributions in binary form must reproduce the above copyright notice",
        ],
    ),
    (
        "MIT",
        [
            "permission is hereby granted free of charge to any person obtaining a copy of this software and",
            "the above copyright notice and this permission notice shall be included in all copies or substantial",
        ],
    ),
    (
        "0BSD",
        [
            "permission to use copy modify and/or distribute this software for any purpose with or without fee is "
            "hereby granted. the software is provided"
        ],
    ),
    ("ISC", ["permission to use copy modify and/or distribute this software for any purpose with or without fee"]),
    ("Zlib", ["altered source versions must be plainly marked as such and must not be misrepresented"]),
]


class Metadata(Protocol):
    """What is asked of the fields of METADATA or PKG-INFO, as `email` and `importlib.metadata` give them."""

    def get_all(self, name: str, failobj: list[Any], /) -> Any: ...


def metadata_licence(metadata: Metadata, texts: Iterable[tuple[str, str]] = ()) -> tuple[str | None, str | None]:
    """The licence that a distribution's metadata, or else its licence files, state.

    Args:
        metadata: the fields of METADATA or PKG-INFO.
        texts: (name, text) of its licence files, read only if the metadata leaves it open.

    Returns:
        The SPDX expression and where it was found, or (None, None).
    """
    for stated in metadata.get_all("License-Expression", []):
        if expression := _expression(stated):
            return expression, "License-Expression"
    field = next(iter(metadata.get_all("License", [])), "")
    if expression := spelled(field):
        return expression, "License"
    classifiers = [
        text.rpartition(" :: ")[2] for text in metadata.get_all("Classifier", []) if text.startswith("License ::")
    ]
    named = [CLASSIFIERS[name] for name in classifiers if name in CLASSIFIERS]
    if named and len(named) == len(classifiers) == 1:
        return named[0], "Classifier"
    if len(field) > 200 and (expression := text_licence(field)):
        return expression, "License"
    return texts_licence(texts)


def texts_licence(texts: Iterable[tuple[str, str]]) -> tuple[str | None, str | None]:
    """The licence of the first of (name, text) that is recognised, and its name."""
    for name, text in texts:
        if expression := text_licence(text):
            return expression, name
    return None, None


def spelled(text: str) -> str | None:
    """The SPDX expression for a short free-text name of a licence, or None when it is long, unknown or ambiguous."""
    text = text.strip()
    if not text or len(text) > 100:
        return None
    words = re.sub(r"[^a-z0-9.]+", " ", text.lower()).replace("licence", "license")
    words = re.sub(r"\bbsd(\d)\b", r"bsd \1", words)
    words = " ".join(word for word in words.split() if word not in {"the", "license", "version", "v"})
    words = re.sub(r"\bv(\d)", r"\1", words)
    return SPELLINGS.get(words) or _expression(text)


def _expression(text: str) -> str | None:
    try:
        return str(canonicalize_license_expression(text))
    except (InvalidLicenseExpression, ValueError, SyntaxError):
        return None


def text_licence(text: str) -> str | None:
    """The SPDX identifier of a licence's full text, recognised by its sentences, or None."""
    words = " ".join(re.sub(r"[^a-z0-9./]+", " ", text[:LONGEST_FILE].lower()).split())
    return next((spdx for spdx, sentences in SENTENCES if all(sentence in words for sentence in sentences)), None)


def folder_licence(folder: Path, shown_prefix: str = "") -> tuple[str | None, str | None]:
    """The licence that a licence file directly in `folder` states, and that file's name behind `shown_prefix`."""
    try:
        names = sorted(path.name for path in folder.iterdir() if LICENCE_FILE.fullmatch(path.name))
    except OSError:
        return None, None
    return texts_licence((shown_prefix + name, read_text(folder / name)) for name in names)


def read_text(path: Path) -> str:
    """The beginning of a licence file; empty if it cannot be read (or is no file)."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(LONGEST_FILE).decode("utf-8", "replace")
    except OSError:
        return ""
