"""The scheduler: rows side by side, cancelled ones, and a decoder that fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from charmer.common.failure import Failure
from charmer.inference.decoder import Decoder, Request
from charmer.serve.batching import Scheduler

from .serving import SlowDecoder

PROMPTS = [[65, 66, 67], [70], [65, 66, 67, 68, 69], [80, 81]]
NEVER: frozenset[int] = frozenset()


@pytest.fixture
def scheduler(model, tokenizer) -> Iterator[Scheduler]:
    one = Scheduler(SlowDecoder(model, tokenizer, 2, torch.float32))
    one.start()
    yield one
    one.close()


def test_rows_get_what_they_would_get_alone(scheduler: Scheduler, model, tokenizer):
    requests = [Request(prompt, 12, stop=NEVER) for prompt in PROMPTS]
    alone = Decoder(model, tokenizer, 1, torch.float32)
    wanted = [[step.token for step in alone.stream(request)] for request in requests]
    found: list[list[int]] = [[] for _ in requests]
    ended = []
    for row, step in scheduler.submit(requests).events():
        if step is None:
            ended.append(row.index)
        else:
            found[row.index].append(step.token)
    assert found == wanted and sorted(ended) == [0, 1, 2, 3]
    assert scheduler.load.tokens == 48 and scheduler.load.steps < 48  # two at a time
    assert [step.token for step in scheduler.stream(requests[0])] == wanted[0]


def test_closing_the_events_frees_the_slots(scheduler: Scheduler):
    events = scheduler.submit([Request([65], 10_000, stop=NEVER)] * 3).events()
    next(events)
    events.close()
    assert len(list(scheduler.stream(Request([66], 3, stop=NEVER)))) == 3
    assert scheduler.load.waiting == 0


def test_a_row_that_waits_can_be_cancelled(scheduler: Scheduler):
    busy = scheduler.submit([Request([65], 10_000, stop=NEVER)] * 2).events()
    next(busy)
    gone = threading.Event()
    waiting = scheduler.submit([Request([70], 5, stop=NEVER)], gone.is_set)
    gone.set()
    assert [step for _, step in waiting.events()] == [None]
    assert waiting.rows[0].began is None
    busy.close()


def test_one_row_can_stop_while_the_others_go_on(scheduler: Scheduler):
    counts = [0, 0]
    for row, step in scheduler.submit([Request([65], 20, stop=NEVER)] * 2).events():
        if step is not None:
            counts[row.index] += 1
            if row.index == 0:
                row.stop()
    assert counts[0] <= 3 and counts[1] == 20


def test_a_bad_request_harms_no_other(scheduler: Scheduler):
    busy = scheduler.submit([Request([65], 30, stop=NEVER)]).events()
    next(busy)
    with pytest.raises(Failure, match="max_tokens: -1 is out of range"):
        list(scheduler.stream(Request([65], -1)))
    assert sum(step is not None for _, step in busy) == 29


def test_a_defect_ends_what_ran_and_nothing_else(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch):
    def broken(*_):
        raise RuntimeError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(scheduler.decoder, "step", broken)
        with pytest.raises(RuntimeError, match="a defect"):
            list(scheduler.stream(Request([65], 5)))
    assert len(list(scheduler.stream(Request([65], 5, stop=NEVER)))) == 5
