"""Licences from metadata and files: SPDX or nothing."""

from __future__ import annotations

from email.parser import HeaderParser

import pytest
from charmer.corpus.licences import metadata_licence, spelled, text_licence

from .test_archives import MIT


def stated(fields: str, *texts: tuple[str, str]) -> tuple[str | None, str | None]:
    return metadata_licence(HeaderParser().parsestr(fields), texts)


APACHE = "License :: OSI Approved :: Apache Software License"


@pytest.mark.parametrize(
    ("fields", "licence", "origin"),
    [
        ("License-Expression: mit OR apache-2.0\nLicense: BSD\n", "MIT OR Apache-2.0", "License-Expression"),
        ("License: BSD-3-Clause\nClassifier: License :: OSI Approved :: BSD License\n", "BSD-3-Clause", "License"),
        ("License: Apache License, Version 2.0\n", "Apache-2.0", "License"),
        (f"License: see LICENSE\nClassifier: {APACHE}\n", "Apache-2.0", "Classifier"),
        (f"Classifier: {APACHE}\nClassifier: License :: OSI Approved :: BSD License\n", None, None),
        ("License: BSD\nClassifier: License :: OSI Approved :: BSD License\n", None, None),
        ("License: UNKNOWN\n", None, None),
        ("Name: x\n", None, None),
    ],
)
def test_metadata_in_the_order_of_how_exact_they_are(fields: str, licence: str | None, origin: str | None) -> None:
    assert stated(fields) == (licence, origin)


def test_what_the_metadata_leave_open_a_licence_file_may_settle() -> None:
    assert stated("License: BSD\n", ("AUTHORS", "Somebody"), ("LICENSE", MIT.decode())) == ("MIT", "LICENSE")


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("MIT License", "MIT"),
        ("The MIT License", "MIT"),
        ("BSD 3-Clause", "BSD-3-Clause"),
        ("new BSD", "BSD-3-Clause"),
        ("Apache 2.0", "Apache-2.0"),
        ("Apache License v2.0", "Apache-2.0"),
        ("MPL-2.0 AND MIT", "MPL-2.0 AND MIT"),
        ("Mozilla Public License 2.0", "MPL-2.0"),
        ("BSD", None),
        ("GPL", None),
        ("LICENSE.txt", None),
        ("", None),
    ],
)
def test_free_text_is_taken_only_where_it_is_unambiguous(text: str, licence: str | None) -> None:
    assert spelled(text) == licence


BSD = "Redistribution and use in source and binary forms, with or without modification, are permitted. "
BINARY = "Redistributions in binary form must reproduce the above copyright notice, this list of conditions. "
ENDORSE = (
    "may be used to endorse or promote products derived from this software without specific prior written permission"
)


def test_full_texts_are_told_apart() -> None:
    assert text_licence(BSD + BINARY + ENDORSE) == "BSD-3-Clause"
    assert text_licence(BSD + BINARY) == "BSD-2-Clause"
    assert text_licence(MIT.decode()) == "MIT"
    assert text_licence("All rights reserved. This software is proprietary.") is None
