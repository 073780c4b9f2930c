"""`/v1/...` through OpenAI's own client."""

from __future__ import annotations

import math
import threading

import openai
import pytest
import torch
from charmer.inference.score import bits_per_token
from charmer.serve.analysis import scores
from charmer.serve.outcomes import Outcome
from charmer.serve.running import Ticket

from .serving import SOURCE, Served


@pytest.fixture(scope="module")
def client(served: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key="none is asked for", max_retries=0)


def ask(client: openai.OpenAI, prompt: str = "def clip(", **options):
    return client.completions.create(model="small", prompt=prompt, **({"temperature": 0, "max_tokens": 8} | options))


def test_the_model_is_listed(client: openai.OpenAI):
    assert [model.id for model in client.models.list()] == ["small"]


def test_a_completion_counts_its_tokens(client: openai.OpenAI):
    answer = ask(client)
    assert answer.object == "text_completion" and answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 8
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 8
    again = ask(client)
    assert again.choices[0].text == answer.choices[0].text
    assert again.usage.prompt_tokens_details.cached_tokens >= again.usage.prompt_tokens - 8  # all but its last block


def test_a_stream_adds_up_to_the_whole(client: openai.OpenAI):
    whole = ask(client, n=3, temperature=1, seed=5, logprobs=1)
    texts, ends, tokens = [""] * 3, [None] * 3, [[], [], []]
    for chunk in ask(client, n=3, temperature=1, seed=5, logprobs=1, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
            tokens[choice.index] += choice.logprobs.tokens
            ends[choice.index] = choice.finish_reason
    assert texts == [choice.text for choice in whole.choices]
    assert tokens == [choice.logprobs.tokens for choice in whole.choices]
    assert ends == ["length"] * 3
    assert len(set(texts)) > 1


def test_a_seed_makes_choices_the_same_beside_any_others(client: openai.OpenAI):
    alone = ask(client, temperature=1, seed=7).choices[0].text
    assert ask(client, temperature=1, seed=7, n=2).choices[0].text == alone
    assert ask(client, temperature=1, seed=8).choices[0].text != alone


def test_a_stop_word_is_not_part_of_the_text(client: openai.OpenAI):
    whole = ask(client, max_tokens=20).choices[0].text
    stop = whole[len(whole) // 2 :][:3]
    answer = ask(client, max_tokens=20, stop=[stop]).choices[0]
    assert answer.text == whole[: whole.find(stop)] and answer.finish_reason == "stop"
    streamed = ask(client, max_tokens=20, stop=[stop], stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed) == answer.text


def test_logprobs_are_those_of_the_model(client: openai.OpenAI, served: Served):
    """The chosen token of greedy decoding is the likeliest; echo gives the prompt's own figures."""
    said = ask(client, logprobs=2).choices[0].logprobs
    assert [max(top, key=top.get) for top in said.top_logprobs] == said.tokens
    assert said.token_logprobs == pytest.approx([max(top.values()) for top in said.top_logprobs])

    echoed = ask(client, prompt=SOURCE[:60], logprobs=1, echo=True, max_tokens=0).choices[0]
    tokenizer, model = served.service.scheduler.tokenizer, served.service.scheduler.model
    ids = tokenizer.encode(SOURCE[:60])
    (bits,) = bits_per_token(model, [ids], tokenizer.eof)
    assert echoed.text == SOURCE[:60] == "".join(echoed.logprobs.tokens)
    assert echoed.logprobs.token_logprobs[0] is None
    assert echoed.logprobs.token_logprobs[1:] == pytest.approx((-bits[1:] * math.log(2)).tolist(), abs=1e-4)


def test_scores_of_a_text_beyond_the_window(served: Served):
    """Each token once, with at least half a window before it: as `charmer score` counts."""
    tokenizer, model = served.service.scheduler.tokenizer, served.service.scheduler.model
    ids = tokenizer.encode(SOURCE * 3).tolist()
    found = scores(served.service, ids, 1, Ticket(Outcome()))
    (bits,) = bits_per_token(model, [torch.tensor(ids).numpy()], tokenizer.eof)
    assert [value for value, _ in found] == pytest.approx((-bits * math.log(2)).tolist(), abs=1e-3)


def test_the_cursor_inside_a_word_is_healed(client: openai.OpenAI, served: Served):
    """`def cl` and then a token that begins with what `def clip` continues: the text goes on where the prompt ends."""
    tokenizer = served.service.scheduler.tokenizer
    prompt = "\ndef clip(val"
    answer = ask(client, prompt=prompt, max_tokens=3, logprobs=0).choices[0]
    assert (prompt + answer.text).startswith(prompt)
    assert answer.logprobs.tokens[0] != "val" and "".join(answer.logprobs.tokens).startswith(answer.text)
    joined = tokenizer.encode("def clip(value").tolist()
    assert tokenizer.encode("def clip(val").tolist() != joined[: len(tokenizer.encode("def clip(val"))]


def test_best_of_gives_the_likeliest(client: openai.OpenAI):
    options = {"temperature": 1, "seed": 3, "logprobs": 0}
    all_of_them = ask(client, n=6, **options).choices
    means = [sum(choice.logprobs.token_logprobs) / len(choice.logprobs.token_logprobs) for choice in all_of_them]
    best = ask(client, n=1, best_of=6, **options).choices[0]
    assert best.text in (all_of_them[means.index(max(means))].text, *[c.text for c in all_of_them])
    assert len(ask(client, n=2, best_of=6, **options).choices) == 2


def test_several_prompts(client: openai.OpenAI):
    both = ask(client, prompt=["def clip(", "return "], n=2)
    assert [choice.index for choice in both.choices] == [0, 1, 2, 3]
    assert both.choices[0].text == ask(client).choices[0].text == both.choices[1].text


def test_tokens_as_prompt(client: openai.OpenAI, served: Served):
    ids = served.service.scheduler.tokenizer.encode("def clip(").tolist()
    assert ask(client, prompt=ids).usage.prompt_tokens == len(ids)
    with pytest.raises(openai.BadRequestError, match="token 9999 is not among the model's vocabulary"):
        ask(client, prompt=[9999])


def test_marks_in_a_prompt_are_tokens_and_mean_the_same_as_a_suffix(client: openai.OpenAI, served: Served):
    before, after = "def clip(value):\n    if ", "\n    return value\n"
    whole = ask(client, prompt=before, suffix=after).choices[0].text
    psm = f"<|fim_prefix|>{before}<|fim_suffix|>{after}<|fim_middle|>"
    spm = f"<|fim_suffix|>{after}<|fim_prefix|>{before}<|fim_middle|>"
    joint = f"<|fim_prefix|><|fim_suffix|>{after}<|fim_middle|>{before}"
    assert [ask(client, prompt=prompt).choices[0].text for prompt in (psm, spm, joint)] == [whole] * 3
    tokenizer = served.service.scheduler.tokenizer
    asked = ask(client, prompt="<|endoftext|>def clip(").usage.prompt_tokens
    assert asked < len(tokenizer.encode("<|endoftext|>def clip("))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"n": 2, "best_of": 1}, "best_of: 1 is less than n, 2"),
        ({"n": 64, "prompt": ["a", "b"]}, "prompt: 128 completions"),
        ({"echo": True, "suffix": "b"}, "echo: doesn't go together with suffix"),
        ({"logit_bias": {"50256": -100}}, "logit_bias: is not supported"),
        ({"best_of": 2, "stream": True}, "best_of: more than n can't be streamed"),
        ({"top_p": 0}, "top_p: "),
        ({"temperature": -1}, "temperature: "),
        ({"prompt": 5}, "prompt: "),
    ],
)
def test_what_does_not_go_together_is_refused(client: openai.OpenAI, options: dict, reason: str):
    with pytest.raises(openai.BadRequestError) as raised:
        ask(client, **options)
    assert raised.value.body["message"].startswith(reason)


def test_many_at_once_all_get_their_own_answer(client: openai.OpenAI):
    """32 clients, 4 slots: each answer is what the same request gets alone."""
    prompts = [f"def clip{number}(value):\n" for number in range(32)]
    found: dict[str, str] = {}
    threads = [
        threading.Thread(target=lambda prompt=prompt: found.update({prompt: ask(client, prompt).choices[0].text}))
        for prompt in prompts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 32
    for prompt in prompts[::8]:
        assert found[prompt] == ask(client, prompt).choices[0].text
