"""The scheduler: rows side by side, cancelled ones, and a decoder that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch
from charmer.common.failure import Failure
from charmer.inference.decoder import Decoder, Request, Step
from charmer.serve.batching import Ended, Run, Scheduler

from .serving import SlowDecoder

PROMPTS = [[65, 66, 67], [70], [65, 66, 67, 68, 69], [80, 81]]
NEVER: frozenset[int] = frozenset()


class StuckDecoder(Decoder):
    """Stands still after some steps until it is free."""

    steps = 3

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.free, self.done = threading.Event(), 0

    def step(self, slots=None):
        if self.done == self.steps:
            assert self.free.wait(30)
        self.done += 1
        return super().step(slots)


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


def test_when_its_time_is_over_a_row_ends_with_what_is_ready():
    run = Run([Request([65], 9)] * 2, lambda: False)
    late, other = run.rows
    late.ready = time.monotonic() - 10
    late.tell(Step(65, 0.0, ()))
    late.tell(Step(66, 0.0, ()))
    events = run.events(limit=5)
    assert [(row.index, step and step.token) for row, step in (next(events) for _ in range(3))] == [
        (0, 65),
        (0, 66),
        (0, None),  # though nobody said so
    ]
    assert late.late and late.over() and not other.over()
    for row in (late, other):
        row.tell(Step(67, 0.0, ()))
        row.tell(Ended())
    assert [(row.index, step and step.token) for row, step in events] == [(1, 67), (1, None)]
    assert not other.late


def test_a_step_that_takes_long_keeps_no_row_beyond_its_time(model, tokenizer):
    stuck = StuckDecoder(model, tokenizer, 1, torch.float32)
    scheduler = Scheduler(stuck)
    scheduler.start()
    run = scheduler.submit([Request([65], 9, stop=NEVER)])
    steps = [step for _, step in run.events(limit=0.05)]
    assert steps[-1] is None and len(steps) <= 1 + stuck.steps and run.rows[0].late
    stuck.free.set()
    scheduler.close()


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
