"""Suggestions while a person types: computed in a thread, stopped when they are stale, kept as long as they hold.

Notable here:
- One suggestion is computed at a time. A newer request for a document, an edit of it, or the client's own word cancels
  an older one: while it waits for a pause in typing at once, while it is computed before its next token.
- The newest suggestion of a document is remembered with the text around it. Where the person has typed its beginning,
  its rest is the answer, and nothing is computed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from charmer.common.failure import Failure
from charmer.inference.decoder import Decoder
from charmer.inference.endings import Until
from charmer.inference.suggest import Draft, suggest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Shown:
    """A suggestion, and the text around the cursor for which it was computed."""

    before: str
    after: str
    text: str


class Suggester:
    """Suggestions by document.

    Args:
        decoder: belongs to this object's thread from now on.
        infill: whether the model learned to write a middle.
        threads: of the processor.

    Attributes:
        computed: how many suggestions were begun.
        idle: set while none is computed.
    """

    def __init__(self, decoder: Decoder, infill: bool, threads: int) -> None:
        self._decoder, self._infill = decoder, infill
        # OpenMP keeps the number of threads per thread: a new one would start with all cores.
        self._pool = ThreadPoolExecutor(1, "suggest", torch.set_num_threads, (threads,))
        self._shown: dict[str, _Shown] = {}
        self._under_way: dict[str, threading.Event] = {}
        self.computed = 0
        self.idle = threading.Event()
        self.idle.set()

    def rest(self, uri: str, before: str, after: str) -> str:
        """What remains of the document's newest suggestion where the person typed its beginning; "" elsewhere."""
        shown = self._shown.get(uri)
        if shown is None or after != shown.after or not before.startswith(shown.before):
            return ""
        typed = before[len(shown.before) :]
        return shown.text[len(typed) :] if shown.text.startswith(typed) else ""

    async def suggest(
        self, uri: str, before: str, after: str, until: Until, pause: float, beside: Sequence[str] = ()
    ) -> str:
        """What to insert between two texts; "" where there is nothing, or where this was cancelled.

        Args:
            beside: the texts of other documents, which tell what words are likely.
            pause: seconds to wait first.
        """
        self.cancel(uri)
        gone = self._under_way[uri] = threading.Event()
        try:
            await asyncio.sleep(pause)
            if gone.is_set():
                return ""
            loop = asyncio.get_running_loop()
            text = await loop.run_in_executor(self._pool, self._compute, before, after, until, beside, gone)
            if gone.is_set():
                return ""
            self._shown[uri] = _Shown(before, after, text)
            return text
        finally:
            gone.set()  # where the client cancelled this request, the thread still computes

    def cancel(self, uri: str) -> None:
        """Stop what is under way for a document."""
        if gone := self._under_way.pop(uri, None):
            gone.set()

    def forget(self, uri: str) -> None:
        """A document was closed."""
        self.cancel(uri)
        self._shown.pop(uri, None)

    def close(self) -> None:
        """Stop everything; nothing can be asked after this."""
        for uri in list(self._under_way):
            self.cancel(uri)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _compute(self, before: str, after: str, until: Until, beside: Sequence[str], gone: threading.Event) -> str:
        """In the thread."""
        if gone.is_set():
            return ""
        self.computed += 1
        self.idle.clear()
        began = time.monotonic()
        try:
            draft = Draft(
                self._decoder.tokenizer,
                self._decoder.window,
                before,
                after,
                until=until,
                infill=self._infill,
                beside=beside,
            )
            found = suggest(self._decoder, draft, gone.is_set)
        except Failure as failure:
            logger.warning("no suggestion: %s", failure)
            return ""
        except Exception:
            logger.exception("no suggestion, by a defect")
            return ""
        finally:
            self.idle.set()
        ms = 1000 * (time.monotonic() - began)
        prompt = f"{found.prompt_tokens} tokens read, {found.cached_tokens} of them known"
        logger.info("%s: %d tokens in %.0f ms; %s", found.reason, found.tokens, ms, prompt)
        return "" if found.reason == "cancelled" else found.text
