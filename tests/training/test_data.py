"""Batches in their order, and windows rearranged on the way: each epoch anew, and again the same from any position."""

from __future__ import annotations

import pytest
import torch
from charmer.tokens.fim import FillInTheMiddle
from charmer.tokens.repair import Faults, Repair
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.windows import Batch, Windows
from charmer.training import data
from charmer.training.data import Batches
from charmer.training.ranks import Ranks

SIZE = 3  # divides not the 40 windows: a batch begins in one epoch and ends in the next
SHARES = (Ranks().share, lambda size: slice(0, size - 1), lambda size: slice(size - 1, size))  # all, and two ranks'


@pytest.fixture
def windows(run) -> Windows:
    paths = (run.data[f"train_{name}"] for name in ("tokens", "documents", "windows"))
    return Windows(*paths, context_length=32, tokenizer=Tokenizer.bytewise())


def infilling(share: float, seed: int = 1):
    return lambda epoch: FillInTheMiddle(Tokenizer.bytewise(), share, seed=(seed, epoch))


def mending(run, share: float):
    faults = Faults.load(run.data["train_broken"])
    return lambda epoch: Repair(Tokenizer.bytewise(), faults, share, (1, epoch), infilling(0.5)(epoch))


def read(batches: Batches, steps: int, pieces: int = 1) -> list[Batch]:
    found = [batches.next(pieces) for _ in range(steps)]
    batches.close()
    return found


def same(one: Batch, other: Batch) -> bool:
    return all(torch.equal(left, right) for left, right in zip(one, other, strict=True))


def test_an_epoch_holds_every_window_once_in_an_order_of_its_own(windows):
    count = len(windows)
    found = torch.cat([batch.x for batch in read(Batches(windows, SIZE, seed=1), -(-2 * count // SIZE))])
    every = sorted(windows.batch(range(count)).x.tolist())
    first, second = found[:count].tolist(), found[count : 2 * count].tolist()
    assert sorted(first) == sorted(second) == every
    assert first != second and first != every


def test_an_epoch_holds_every_piece_once_also_where_pieces_grow(windows, monkeypatch):
    monkeypatch.setattr(data, "BLOCK", 2)
    batches, steps = Batches(windows, 4, seed=1), len(windows) // 4
    found = [batches.next(pieces=4 if step < 4 else 1) for step in range(steps)]
    batches.close()
    assert [batch.x.shape for batch in found[3:5]] == [(16, 8), (4, 32)]
    pieces = torch.cat([batch.y.reshape(-1, 8) for batch in found]).tolist()
    assert sorted(pieces) == sorted(windows.batch(range(len(windows))).y.reshape(-1, 8).tolist())
    of_one_window = windows.batch(range(len(windows))).y.reshape(-1, 4, 8).tolist()
    assert not any(all(piece in found[0].y.tolist() for piece in window) for window in of_one_window)


def test_batches_of_another_size_read_on_where_the_last_one_ended(windows):
    batches, alike = Batches(windows, SIZE, 1), Batches(windows, SIZE, 1)
    found = [batches.next(size=size) for size in (1, 1, 1, 2, SIZE, 1)]
    same_windows = [alike.next() for _ in range(3)]
    batches.close()
    alike.close()
    assert [len(batch.x) for batch in found] == [1, 1, 1, 2, SIZE, 1]
    assert torch.equal(torch.cat([batch.x for batch in found]), torch.cat([batch.x for batch in same_windows]))


def test_ranks_share_the_pieces_of_a_batch(windows):
    whole, *parts = ([batch.x for batch in read(Batches(windows, SIZE, 1, share=share), 15, 2)] for share in SHARES)
    for one, first, second in zip(whole, *parts, strict=True):
        assert torch.equal(one, torch.cat([first, second]))


def test_infilling_leaves_the_order_and_cuts_anew_in_each_epoch(windows):
    count, steps = len(windows), -(-2 * len(windows) // SIZE)
    plain, infilled = (
        torch.cat([batch.x for batch in read(Batches(windows, SIZE, 1, rearranging=rearranging), steps)])
        for rearranging in (None, infilling(1.0))
    )
    for before, after in zip(plain.tolist(), infilled.tolist(), strict=True):  # the same letters, but for the cut end
        assert {token for token in after if token < 256} <= set(before)
    place = {tuple(row): number for number, row in enumerate(plain[:count].tolist())}
    again = [place[tuple(row)] for row in plain[count : 2 * count].tolist()]
    cut = (infilled[:count][again] != infilled[count : 2 * count]).any(dim=1)
    assert cut.float().mean() > 0.5


def test_a_share_of_zero_is_the_windows_as_they_are(windows):
    plain = read(Batches(windows, SIZE, 1), 30)
    zero = read(Batches(windows, SIZE, 1, rearranging=infilling(0.0)), 30)
    assert all(same(one, other) for one, other in zip(plain, zero, strict=True))
    every = windows.batch(range(len(windows))).x.tolist()
    assert same(plain[0], windows.batch([every.index(row) for row in plain[0].x.tolist()]))


@pytest.mark.parametrize("position", [SIZE, 9 * SIZE, 13 * SIZE])
def test_reading_on_from_a_position_gives_what_would_have_come(windows, position):
    assert len(windows) == 40
    whole = read(Batches(windows, SIZE, 1, rearranging=infilling(0.5)), 40)
    rest = read(Batches(windows, SIZE, 1, position, infilling(0.5)), 40 - position // SIZE)
    assert all(same(one, other) for one, other in zip(whole[position // SIZE :], rest, strict=True))


def test_places_that_infilling_leaves_over_carry_no_loss(windows):
    pad = windows.fim_pad
    batches = read(Batches(windows, SIZE, 1, rearranging=infilling(1.0)), 20)
    y, mask = (torch.cat([getattr(batch, name) for batch in batches]) for name in ("y", "mask"))
    assert (y == pad).any() and torch.equal(mask, y != pad)


def test_ranks_that_share_a_batch_and_a_run_that_goes_on_read_the_same_examples_of_repair(run, windows):
    whole, *parts = (read(Batches(windows, SIZE, 1, 0, mending(run, 0.5), share), 30) for share in SHARES)
    for one, *halves in zip(whole, *parts, strict=True):
        assert same(one, Batch(*map(torch.cat, zip(*halves, strict=True))))
    rest = read(Batches(windows, SIZE, 1, 13 * SIZE, mending(run, 0.5)), 17)
    assert all(same(one, other) for one, other in zip(whole[13:], rest, strict=True))


def test_an_example_of_repair_is_learnt_but_for_its_fault_and_what_every_question_gives(run, windows):
    batch = windows.batch(range(len(windows)), mending(run, 1.0)(0))
    tokenizer = Tokenizer.bytewise()
    assert (batch.x == tokenizer.place).any(dim=1).all()
    for mark, learnt in (("error", False), ("place", False), ("fix", True), ("fim_pad", False)):
        assert set(batch.mask[batch.y == getattr(tokenizer, mark)].tolist()) <= {learnt}
    assert batch.mask.float().mean() > 0.5
