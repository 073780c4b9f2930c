"""The decoder: what is cached, batched, copied or cut off in between writes what the plain forward pass would."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from charmer.common.failure import Failure
from charmer.inference.decoder import Decoder, Request, Step
from charmer.inference.ngram_cache import NgramCache
from charmer.inference.sampling import Sampling
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

TOKENIZER = Tokenizer.bytewise()
WINDOW = 32
MARKS = list(TOKENIZER.special.values())
NEVER: frozenset[int] = frozenset()  # nothing stops a row but its length


@pytest.fixture(scope="module")
def model() -> Transformer:
    torch.set_num_threads(1)
    model = Transformer(ModelConfig(264, layers=2, width=32, heads=4, kv_heads=2, hidden=48, context_length=WINDOW))
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        weight.data.copy_(torch.randn(weight.shape, generator=generator) * 0.3 + (weight.ndim == 1))
    return model.eval()


def exact(model: Transformer, slots: int = 1, compiled: bool | None = None) -> Decoder:
    return Decoder(model, TOKENIZER, slots, dtype=torch.float32, compiled=compiled, block=4)


def plain_shares(model: Transformer, text: list[int]) -> torch.Tensor:
    """Logarithms of the probabilities of what comes next, without a cache; no special token is among it."""
    with torch.no_grad():
        logits = model(torch.tensor([text]))[0, -1]
    return logits.index_fill(0, torch.tensor(MARKS), -torch.inf).log_softmax(-1)


def finish(decoder: Decoder, slots: list[int]) -> dict[int, list[Step]]:
    """What each slot writes until all have ended."""
    written: dict[int, list[Step]] = {slot: [] for slot in slots}
    going = set(slots)
    while going:
        for slot, step in decoder.step().items():
            if step is None:
                going.discard(slot)
            else:
                written[slot].append(step)
    return written


def tokens(steps) -> list[int]:
    return [step.token for step in steps]


PROMPTS = [list(range(40, 60)), [7], [100, 3, 50, 60, 9, 9], []]


@pytest.mark.parametrize("compiled", [None, False])
def test_logits_of_cached_and_batched_rows_are_those_of_the_plain_forward_pass(model, compiled):
    decoder = exact(model, slots=4, compiled=compiled)
    slots = [decoder.admit(Request(prompt, 10, alternatives=264, stop=NEVER)) for prompt in PROMPTS]
    for slot, steps in finish(decoder, slots).items():
        text = PROMPTS[slots.index(slot)] or [TOKENIZER.eof]
        assert len(steps) == 10
        for step in steps:
            expected = plain_shares(model, text)
            got = torch.full_like(expected, -torch.inf)
            for token, logprob in step.top:
                got[token] = logprob
            torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)
            assert step.token == int(expected.argmax()) and step.logprob == pytest.approx(
                float(expected.max()), abs=1e-4
            )
            text = [*text, step.token]


def test_logits_of_an_infilling_prompt_are_those_of_the_plain_forward_pass(model):
    prompt = [TOKENIZER.fim_prefix, 40, 41, TOKENIZER.fim_suffix, 50, 51, TOKENIZER.fim_middle]
    decoder = exact(model)
    list(decoder.stream(Request([*prompt[:3], 42, *prompt[3:]], 3)))
    for step in decoder.stream(Request(prompt, 8, stop=NEVER)):
        expected = plain_shares(model, prompt)
        assert step.token == int(expected.argmax()) and step.logprob == pytest.approx(float(expected.max()), abs=1e-4)
        prompt = [*prompt, step.token]


def test_a_long_prompt_is_read_in_blocks(model):
    long = Transformer(ModelConfig(264, layers=2, width=32, heads=4, kv_heads=2, hidden=48, context_length=400)).eval()
    long.load_state_dict(model.state_dict())
    prompt = [(7 * place) % 250 for place in range(300)]
    decoder = Decoder(long, TOKENIZER, dtype=torch.float32)
    for length in (130, 300):  # the second reads 172 tokens behind 128 that are known
        [step] = decoder.stream(Request(prompt[:length], 1, stop=NEVER))
        expected = plain_shares(long, prompt[:length])
        assert step.token == int(expected.argmax()) and step.logprob == pytest.approx(float(expected.max()), abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.lists(st.sampled_from([40, 41]), max_size=40), st.integers(0, 8)), max_size=8))
def test_no_history_of_requests_changes_what_is_written(model, requests):
    decoder = exact(model, slots=2)
    for prompt, count in requests:
        request = Request(prompt, count, Sampling(1.0, seed=3), stop=NEVER)
        assert tokens(decoder.stream(request)) == tokens(exact(model).stream(request))


def test_a_prompt_asked_again_gives_the_same_to_the_last_bit_whatever_was_known(model):
    def fresh() -> Decoder:
        return Decoder(model, TOKENIZER, slots=3, block=4)

    decoder, prompt = fresh(), PROMPTS[0]
    for length in (20, 20, 17, 20, 9, 20):
        request = Request(prompt[:length], 8, alternatives=20, stop=NEVER)
        steps = list(decoder.stream(request))
        assert steps == list(fresh().stream(request))
        prompt = [*prompt[:20], *tokens(steps)][:20]


@pytest.mark.skipif(find_spec("numba") is None, reason="without Numba PyTorch writes, and rounds by the batch's shape")
def test_neighbours_change_no_bit_of_what_a_row_writes(model):
    decoder = Decoder(model, TOKENIZER, slots=4, block=4)
    slots = [decoder.admit(Request(prompt, 6, alternatives=20, stop=NEVER)) for prompt in PROMPTS]
    for slot, steps in finish(decoder, slots).items():
        request = Request(PROMPTS[slots.index(slot)], 6, alternatives=20, stop=NEVER)
        assert steps == list(Decoder(model, TOKENIZER, block=4).stream(request))


def test_a_decoder_that_was_warmed_writes_what_a_fresh_one_does(model):
    warmed, fresh = exact(model, 2), exact(model, 2)
    warmed.warm()
    for decoder in (warmed, fresh):
        assert sorted(decoder.admit(Request([7, 8, 9], 4, stop=NEVER)) for _ in range(2)) == [0, 1], "both are free"
    assert [tokens(steps) for steps in finish(warmed, [0, 1]).values()] == [
        tokens(steps) for steps in finish(fresh, [0, 1]).values()
    ]


def test_only_what_is_new_of_a_prompt_is_read(model):
    decoder = exact(model, slots=2)

    def ask(prompt: list[int], count: int = 2) -> tuple[int, int, list[int]]:
        slot = decoder.admit(Request(prompt, count, stop=NEVER))
        return decoder.cached(slot), decoder.read(slot), tokens(finish(decoder, [slot])[slot])

    text = list(range(40, 50))
    known, read, written = ask(text)
    assert (known, read) == (0, 10)
    assert ask([*text, 1])[:2] == (8, 3)  # two blocks of four
    assert ask(text)[:2] == (8, 2)
    assert ask([*text, *written])[:2] == (8, 4)  # what was written is read
    assert ask([*text, *written, 1])[:2] == (12, 1)
    assert ask([*text, *written])[:2] == (8, 4)  # its last token in any case: its logits are asked for
    assert ask([*text, *written, 1])[:2] == (12, 1)
    assert ask([*text[:6], 90, 91, 92, 93])[:2] == (4, 6)  # another text, in the other slot
    assert ask([*text, *written, 2])[:2] == (12, 1)
    assert ask([])[:2] == (0, 1)


def test_a_prompt_is_copied_from_a_slot_that_still_runs(model):
    decoder = exact(model, slots=3)
    prompt = list(range(40, 60))
    slots = [decoder.admit(Request(prompt, 6, Sampling(1.0, seed=seed), stop=NEVER)) for seed in range(3)]
    assert [decoder.cached(slot) for slot in slots] == [0, 16, 16]
    written = finish(decoder, slots)
    for seed, slot in enumerate(slots):
        alone = exact(model).stream(Request(prompt, 6, Sampling(1.0, seed=seed), stop=NEVER))
        assert tokens(written[slot]) == tokens(alone)


def test_rows_come_and_go_between_steps(model):
    requests = [
        Request(prompt, 4 + number, Sampling(0.9, seed=number), stop=NEVER) for number, prompt in enumerate(PROMPTS)
    ]
    expected = [tokens(exact(model).stream(request)) for request in requests]
    decoder = exact(model, slots=2)
    waiting, running, written = [3, 2, 1, 0], {}, [[], [], [], []]
    while waiting or running:
        if waiting and len(running) < 2:
            number = waiting.pop()
            running[decoder.admit(requests[number])] = number
        for slot, step in decoder.step().items():
            if step is None:
                del running[slot]
            else:
                written[running[slot]].append(step.token)
    assert written == expected


def test_a_step_of_some_slots_leaves_the_others_where_they_are(model):
    decoder = exact(model, slots=2)
    first, second = (decoder.admit(Request(prompt, 3, stop=NEVER)) for prompt in PROMPTS[:2])
    assert list(decoder.step([second])) == [second]
    expected = [tokens(exact(model).stream(Request(prompt, 3, stop=NEVER))) for prompt in PROMPTS[:2]]
    written = finish(decoder, [first, second])
    assert [tokens(written[first]), tokens(written[second])] == [expected[0], expected[1][1:]]


def test_a_text_longer_than_the_window_goes_on_with_its_newest_half(model):
    prompt = list(range(30, 90))
    text = prompt[-WINDOW // 2 :]
    for step in exact(model).stream(Request(prompt, 60, stop=NEVER)):
        assert step.token == int(plain_shares(model, text).argmax())
        text = [*text, step.token] if len(text) < WINDOW else [*text, step.token][-WINDOW // 2 :]


def test_no_slot_free_and_a_slot_released(model):
    decoder = exact(model)
    slot = decoder.admit(Request([40], 5))
    with pytest.raises(Failure, match="1 slots"):
        decoder.admit(Request([41], 5))
    decoder.release(slot)
    assert decoder.step() == {}
    assert decoder.admit(Request([41], 5)) == slot


def test_a_cancelled_stream_stops_computing_and_keeps_what_it_read(model):
    decoder = exact(model)
    asked = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 3

    assert len(list(decoder.stream(Request(PROMPTS[0], 10, stop=NEVER), cancelled))) == 3
    assert decoder.cached(decoder.admit(Request([*PROMPTS[0], 1], 1))) == 20


def test_without_tokens_to_write_the_prompt_is_read(model):
    decoder = exact(model)
    assert list(decoder.stream(Request(PROMPTS[0], 0))) == []
    assert decoder.cached(decoder.admit(Request(PROMPTS[0], 1))) == 16


def test_a_token_that_stops_ends_its_row(model):
    free = tokens(exact(model).stream(Request(PROMPTS[0], 10, stop=NEVER)))
    stop = free[4]
    stopped = tokens(exact(model).stream(Request(PROMPTS[0], 10, stop=frozenset([stop]))))
    assert stopped == free[: free.index(stop)]


def test_begin_is_owed_before_anything_may_stop(model):
    everything = frozenset(range(264))
    request = Request(PROMPTS[0], 10, begin=b"abc", stop=everything)
    assert tokens(exact(model).stream(request)) == [*b"abc"]


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(1.0, seed=2), Sampling(0.7, top_k=1, seed=2)])
def test_what_is_not_accepted_is_replaced_by_what_is_drawn_next(model, sampling):
    def even(text: bytes) -> bool:
        return text[-1] % 2 == 0

    request = Request(PROMPTS[0], 20, sampling, stop=NEVER, accept=even)
    written = tokens(exact(model).stream(request))
    assert len(written) == 20 and all(token % 2 == 0 for token in written)
    if sampling.temperature == 0:
        shares = plain_shares(model, PROMPTS[0])
        assert written[0] == int(shares[0::2].argmax()) * 2


def test_a_row_ends_where_nothing_is_accepted(model):
    assert list(exact(model).stream(Request(PROMPTS[0], 5, accept=lambda text: False))) == []
    five = tokens(exact(model).stream(Request(PROMPTS[0], 9, stop=NEVER, accept=lambda text: len(text) <= 5)))
    assert len(five) == 5


def test_accept_sees_the_whole_continuation_once_its_beginning_stands(model):
    seen = []

    def accept(text: bytes) -> bool:
        seen.append(text)
        return True

    list(exact(model).stream(Request(PROMPTS[0], 4, begin=b"ab", stop=NEVER, accept=accept)))
    assert [text[:2] for text in seen] == [b"ab", b"ab"] and list(map(len, seen)) == [3, 4]


def test_a_penalty_makes_what_was_written_less_likely(model):
    free = tokens(exact(model).stream(Request([50, 50, 50], 25, stop=NEVER)))
    varied = tokens(exact(model).stream(Request([50, 50, 50], 25, Sampling(repetition_penalty=50.0), stop=NEVER)))
    assert len(set(varied)) > len(set(free))


def test_bfloat16_stays_near_float32(model):
    request = Request(PROMPTS[0], 1, alternatives=5, stop=NEVER)
    [near] = Decoder(model, TOKENIZER, dtype=torch.bfloat16).stream(request)
    [step] = exact(model).stream(request)
    assert near.top[0][0] == step.top[0][0]
    assert near.logprob == pytest.approx(step.logprob, abs=0.1)


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (Request([999], 4), "token 999"),
        (Request([5, -1], 4), "token -1"),
        (Request([5], -4), "max_tokens"),
        (Request([5], 4, alternatives=-1), "alternatives"),
        (Request([5], 4, Sampling(top_p=0.0)), "top_p"),
    ],
)
def test_requests_out_of_range_are_refused_and_take_no_slot(model, request_, named):
    decoder = exact(model)
    with pytest.raises(Failure, match=named):
        decoder.admit(request_)
    assert decoder.step() == {} and decoder.admit(Request([5], 1)) == 0


@pytest.mark.parametrize(
    "compiled", [False, pytest.param(True, marks=pytest.mark.skipif(not find_spec("numba"), reason="needs Numba"))]
)
def test_an_n_gram_cache_refines_what_the_network_expects(model: Transformer, compiled: bool):
    cache = NgramCache((1.0,) * 3, (1.0,) * 3)
    decoder = Decoder(model, TOKENIZER, dtype=torch.float32, compiled=compiled, block=4, ngrams=cache)
    text = TOKENIZER.encode("ab ac ab a").tolist()
    for step in decoder.stream(Request(text[:], 3, Sampling(1.0, seed=5), stop=NEVER)):
        shares = plain_shares(model, text).exp()
        kept, likely, added = cache.behind(np.array(TOKENIZER.encode("ab ac ab a")), text[-3:])
        refined = kept * shares
        refined[torch.from_numpy(likely)] += torch.from_numpy(added).float()
        assert step.logprob == pytest.approx(float(refined.log()[step.token]), abs=1e-2)
        text.append(step.token)


def test_the_cache_counts_the_text_that_is_given_and_not_what_is_written(model: Transformer):
    cache = NgramCache((-20.0,) * 2, (1.0,) * 2)
    decoder = Decoder(model, TOKENIZER, dtype=torch.float32, compiled=False, block=4, ngrams=cache)
    prompt, around = TOKENIZER.encode("xy").tolist(), TOKENIZER.encode("vwxyz vwxyz vw").astype("int64")
    found = tokens(decoder.stream(Request(prompt, 6, stop=NEVER, given=around)))
    assert TOKENIZER.decode(found) == "z vwxy"
    alone = tokens(exact(model, compiled=False).stream(Request(prompt, 12, stop=NEVER)))
    assert tokens(decoder.stream(Request(prompt, 12, stop=NEVER))) == alone, "nothing in 'xy' comes twice"


def test_a_cache_that_counts_nothing_changes_nothing_not_even_under_a_penalty(model: Transformer):
    prompt, sampling = TOKENIZER.encode("abc").tolist(), Sampling(repetition_penalty=1.5)
    decoder = Decoder(model, TOKENIZER, dtype=torch.float32, compiled=False, block=4, ngrams=NgramCache((1.0,), (1.0,)))
    empty = np.zeros(0, np.int64)
    found = tokens(decoder.stream(Request(prompt, 20, sampling, stop=NEVER, given=empty)))
    assert found == tokens(exact(model, compiled=False).stream(Request(prompt, 20, sampling, stop=NEVER)))


def test_each_row_has_a_cache_of_its_own_text(model: Transformer):
    cache = NgramCache((-20.0,) * 2, (1.0,) * 2)
    decoder = Decoder(model, TOKENIZER, 2, dtype=torch.float32, compiled=False, block=4, ngrams=cache)
    texts = ["ab ab a", "ac ac a"]
    slots = [decoder.admit(Request(TOKENIZER.encode(text).tolist(), 2, stop=NEVER)) for text in texts]
    written = finish(decoder, slots)
    assert [TOKENIZER.decode(tokens(written[slot])) for slot in slots] == ["b ", "c "]
