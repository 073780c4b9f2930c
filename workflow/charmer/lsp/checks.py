"""What `check` says of an open document, as diagnostics, and their quick fixes.

Notable here:
- A file is checked in a thread of its own, which gives way: while a suggestion is computed it waits before its next
  pass through the network, or its next try of a repair, and a check of a text that has changed since stops there.
- A place that is right in one version of a document is wrong in the next, so fixes are offered for the version alone
  that was checked, and carry its number.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import torch
from lsprotocol import types

from charmer.errors.calibration import Calibration
from charmer.errors.check import check
from charmer.errors.finding import Finding
from charmer.inference.style import Style, unix
from charmer.lsp.documents import Document
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

logger = logging.getLogger(__name__)
LONGEST = 100_000  # characters of a text that is checked
POLL = 0.05  # seconds between two looks at whether a check that gives way is still wanted
SHOWN = 40  # characters of a piece of code in the title of a fix


class Cancelled(Exception):
    """The text has changed."""


class Checker:
    """Checks texts, one at a time.

    Args:
        idle: set while nothing more urgent is computed.
        threads: of the processor.
    """

    def __init__(
        self, model: Transformer, tokenizer: Tokenizer, calibration: Calibration, idle: threading.Event, threads: int
    ) -> None:
        self._model, self._tokenizer, self._calibration = model, tokenizer, calibration
        self._idle = idle
        self._pool = ThreadPoolExecutor(1, "check", torch.set_num_threads, (threads,))
        self._under_way: set[threading.Event] = set()

    async def check(self, text: str, path: str) -> list[Finding]:
        """What is wrong with a text; cancelling this stops the computation."""
        if len(text) > LONGEST:
            logger.info("%s is not checked: %d characters, and at most %d are", path, len(text), LONGEST)
            return []
        gone = threading.Event()
        self._under_way.add(gone)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._compute, text, path, gone)
        except Cancelled:
            return []
        except Exception:
            logger.exception("%s could not be checked, by a defect", path)
            return []
        finally:
            gone.set()
            self._under_way.discard(gone)

    def close(self) -> None:
        """Stop everything; nothing can be asked after this."""
        for gone in list(self._under_way):
            gone.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _compute(self, text: str, path: str, gone: threading.Event) -> list[Finding]:
        go_on = partial(self._go_on, gone)
        go_on()
        return check(self._model, self._tokenizer, unix(text), path, calibration=self._calibration, go_on=go_on)

    def _go_on(self, gone: threading.Event) -> None:
        """Wait for what is more urgent, or give up."""
        while not (gone.is_set() or self._idle.wait(POLL)):
            pass
        if gone.is_set():
            raise Cancelled


@dataclass(frozen=True)
class Marked:
    """A finding in a version of a document, and what the client was told."""

    finding: Finding
    diagnostic: types.Diagnostic
    fix: types.TextEdit | None


def marks(document: Document, text: str, findings: list[Finding]) -> list[Marked]:
    """Findings in the client's places, their fixes with the newlines of the file.

    Args:
        text: the document's.
    """
    newline = Style.of(text).newline
    found = []
    for finding in findings:
        start = document.position(finding.line, finding.column)
        end = document.position(finding.end_line, finding.end_column)
        syntax = finding.kind == "syntax"
        diagnostic = types.Diagnostic(
            types.Range(start, end),
            finding.message,
            severity=types.DiagnosticSeverity.Error if syntax else types.DiagnosticSeverity.Warning,
            code=finding.kind,
            source="charmer",
        )
        new = finding.suggestion
        fix = None if new is None else types.TextEdit(diagnostic.range, new.replace("\n", newline))
        found.append(Marked(finding, diagnostic, fix))
    return found


def fixes(document: Document, found: list[Marked], where: types.Range, versioned: bool) -> list[types.CodeAction]:
    """The fixes of those marks that touch a range.

    Args:
        versioned: whether the client understands edits of a version of a document.
    """
    actions = []
    for mark in found:
        place = mark.diagnostic.range
        if mark.fix is None or _before(place.end, where.start) or _before(where.end, place.start):
            continue
        if versioned:
            target = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
            edit = types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(target, [mark.fix])])
        else:
            edit = types.WorkspaceEdit(changes={document.uri: [mark.fix]})
        kind = types.CodeActionKind.QuickFix
        actions.append(types.CodeAction(title(mark), kind, [mark.diagnostic], is_preferred=True, edit=edit))
    return actions


def title(mark: Marked) -> str:
    """What a fix does, in a few words."""
    assert mark.fix is not None
    new = " ".join(mark.fix.new_text.split())
    new = new if len(new) <= SHOWN else new[: SHOWN - 1] + "…"
    if mark.fix.range.start == mark.fix.range.end:
        return f"Insert `{new}`" if new else "Insert a new line"
    if not mark.fix.new_text:
        return "Remove this"
    return f"Replace by `{new}`" if new else "Mend the blanks here"


def _before(one: types.Position, other: types.Position) -> bool:
    return (one.line, one.character) < (other.line, other.character)
