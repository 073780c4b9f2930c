"""llama.cpp's endpoints, asked with the fields that llama.vim and llama.vscode send."""

from __future__ import annotations

import pytest
import torch
from charmer.inference.decoder import Decoder, Request
from charmer.inference.suggest import Draft, suggest

from .serving import Served, SlowDecoder, serving

TIMINGS = [
    f"timings/{kind}_{figure}"
    for kind in ("prompt", "predicted")
    for figure in ("n", "ms", "per_token_ms", "per_second")
]
VIM = {  # llama.vim, llama#fim: the lines before, the cursor's line up to the cursor, its rest and the lines behind
    "id_slot": 0,
    "input_prefix": "\ndef clip(value, limit=3):\n",
    "input_suffix": "\n        value = limit\n    return value\n",
    "input_extra": [{"text": "def largest(values):\n", "time": [123, 456], "filename": "largest.py"}],
    "prompt": "    if value > lim",
    "n_predict": 16,
    "stop": [],
    "n_indent": 4,
    "top_k": 40,
    "top_p": 0.90,
    "samplers": ["top_k", "top_p", "infill"],
    "stream": False,
    "cache_prompt": True,
    "t_max_prompt_ms": 500,
    "t_max_predict_ms": 1000,
    "response_fields": ["content", *TIMINGS, "truncated", "tokens_cached"],
}
VIM_RING = {  # llama.vim, s:ring_update: reads other texts ahead of need
    "id_slot": 0,
    "input_prefix": "",
    "input_suffix": "",
    "input_extra": VIM["input_extra"],
    "prompt": "",
    "n_predict": 0,
    "temperature": 0.0,
    "samplers": [],
    "stream": False,
    "cache_prompt": True,
    "t_max_prompt_ms": 1,
    "t_max_predict_ms": 1,
    "response_fields": [""],
}
VSCODE = {  # llama.vscode, createRequestPayload
    **{name: VIM[name] for name in ("id_slot", "input_prefix", "input_suffix", "prompt", "n_predict")},
    "input_extra": [{"text": "x = 1\n", "time": 1763900000000, "filename": "/home/ada/x.py"}],
    "n_cmpl": 1,
    "top_k": 40,
    "top_p": 0.99,
    "stream": False,
    "samplers": ["top_k", "top_p", "infill"],
    "cache_prompt": True,
    "n_indent": 4,
    "t_max_prompt_ms": 500,
    "t_max_predict_ms": 2500,
    "lora": [{"id": 0, "scale": 0.5}],
    "model": "small",
}


def test_llama_vim_gets_the_fields_that_it_reads_under_their_own_names(served: Served):
    answer = served.post("/infill", VIM)
    assert set(answer) == set(VIM["response_fields"])
    assert isinstance(answer["content"], str) and answer["truncated"] is False
    assert answer["timings/predicted_n"] == 16 or answer["content"] == answer["content"].rstrip()
    again = served.post("/infill", VIM)
    assert again["content"] == answer["content"]
    assert 1 <= again["timings/prompt_n"] <= 8 and again["tokens_cached"] > 15  # all but its last block was known
    assert served.post("/infill", {**VIM, "cache_prompt": False})["tokens_cached"] == 0


def test_llama_vim_reads_ahead_and_gets_nothing(served: Served):
    assert served.post("/infill", VIM_RING) == {}
    served.until(lambda: served.last.why == "read the prompt for later")
    assert served.post("/infill", {**VIM_RING, "response_fields": ["content", "timings/predicted_n"]}) == {
        "content": "",
        "timings/predicted_n": 0,
    }


@pytest.mark.parametrize("times", [1, 100], ids=["short", "cut"])
def test_what_llama_vim_sent_ahead_is_known_when_it_is_needed(model, tokenizer, times: int):
    extra = [{"text": "def largest(values):\n    return max(values)\n" * times, "filename": "largest.py"}]
    with serving(Decoder(model, tokenizer, 2, torch.float32, block=8)) as server:
        asked = {**VIM, "input_extra": extra, "input_prefix": "", "prompt": "value = ", "input_suffix": "\nx\n"}
        cold = server.post("/infill", {**asked, "cache_prompt": False})
        server.post("/infill", {**VIM_RING, "input_extra": extra})
        warm = server.post("/infill", asked)
        assert cold["tokens_cached"] == 0 and warm["tokens_cached"] >= 16
        assert warm["timings/prompt_n"] + warm["tokens_cached"] == cold["timings/prompt_n"]
        assert warm["content"] == cold["content"]


def test_llama_vscode_gets_what_its_status_bar_shows(served: Served):
    answer = served.post("/infill", VSCODE)
    assert answer["generation_settings"]["n_ctx"] == served.service.scheduler.window
    assert answer["tokens_cached"] >= 0
    assert {"prompt_n", "prompt_ms", "prompt_per_second", "predicted_n", "predicted_ms", "predicted_per_second"} <= set(
        answer["timings"]
    )
    several = served.post("/infill", {**VSCODE, "n_cmpl": 3})
    assert [one["content"] for one in several] == [answer["content"]] * 3  # the likeliest, each time
    drawn = served.post("/infill", {**VSCODE, "n_cmpl": 3, "temperature": 1.0, "samplers": ["temperature"], "seed": 1})
    assert len({one["content"] for one in drawn}) > 1


def test_an_infill_is_what_suggest_gives(served: Served):
    body = {name: VIM[name] for name in ("input_prefix", "input_suffix", "prompt")} | {"n_predict": 16}
    said = served.post("/infill", body)["content"]
    scheduler = served.service.scheduler
    alone = Decoder(scheduler.model, scheduler.tokenizer, 1, scheduler.decoder.dtype)
    before = VIM["input_prefix"] + VIM["prompt"]
    wanted = suggest(alone, Draft(alone.tokenizer, alone.window, before, VIM["input_suffix"], max_tokens=16))
    assert said == wanted.text
    parts = served.events("/infill", {**body, "stream": True})
    assert "".join(part["content"] for part in parts) == said
    assert [part["stop"] for part in parts] == [False] * (len(parts) - 1) + [True]


def test_other_texts_give_way_to_the_text_at_the_cursor(served: Served):
    """With extra texts far beyond the window, the prompt still ends with the same text near the cursor."""
    window = served.service.scheduler.window
    body = {**VSCODE, "input_extra": [{"text": "far = 1\n" * 5000, "filename": "far.py"}]}
    answer = served.post("/infill", body)
    assert answer["tokens_evaluated"] <= window and answer["truncated"] is False
    long = served.post("/infill", {**body, "input_prefix": "near = 1\n" * 1000})
    assert long["truncated"] is True and long["tokens_evaluated"] <= window


def test_what_is_ready_is_given_when_the_time_is_over(model, tokenizer):
    """A step takes 50 ms, and 500 ms are allowed: about ten tokens come. All hundred would take ten times as long, so
    that a busy machine has seconds to be late in."""
    slow = SlowDecoder(model, tokenizer, 2)
    slow.seconds = 0.05
    with serving(slow) as server:
        body = {"prompt": "def clip(", "n_predict": 100, "t_max_predict_ms": 500, "temperature": 0}
        answer = server.post("/completion", body)
        assert 1 <= answer["tokens_predicted"] < 50 and answer["stop_type"] == "limit"
        assert answer["timings"]["predicted_ms"] < 2500
        assert answer["content"]
        server.until(lambda: "t_max_predict_ms was over" in server.last.why)


def test_lines_that_are_indented_less_end_it(served: Served):
    body = {"prompt": "    x", "n_predict": 60, "temperature": 1.5, "seed": 3}
    free = served.post("/completion", body)["content"]
    answer = served.post("/completion", {**body, "n_indent": 4})
    held = answer["content"]
    assert free.startswith(held) and len(held) < len(free)
    assert answer["stop_type"] == "limit" and answer["tokens_predicted"] < 60
    assert all(line.startswith("    ") for line in held.split("\n")[1:])


def test_a_stream_of_tokens_ends_with_the_whole_answers_fields(served: Served):
    body = {"prompt": "def clip(", "n_predict": 6, "seed": 2}
    *parts, last = served.events("/completion", {**body, "stream": True})
    whole = served.post("/completion", {**body, "return_tokens": True})
    assert "".join(part["content"] for part in parts) == whole["content"]
    assert last["stop"] is True and last["content"] == "" and last["tokens_predicted"] == 6 == len(whole["tokens"])
    assert last["timings"]["predicted_n"] == 6


def test_probabilities_of_the_alternatives(served: Served):
    answer = served.post("/completion", {"prompt": "def clip(", "n_predict": 2, "n_probs": 3, "temperature": 0})
    first = answer["completion_probabilities"][1]
    assert first["id"] == first["top_logprobs"][0]["id"] and len(first["top_logprobs"]) == 3
    assert first["logprob"] == pytest.approx(first["top_logprobs"][0]["logprob"])


def test_prompts_of_tokens_and_texts(served: Served):
    tokens = served.post("/tokenize", {"content": "def clip("})["tokens"]
    body = {"n_predict": 4, "temperature": 0}
    mixed = served.post("/completion", {**body, "prompt": [*tokens[:2], "clip("]})
    assert mixed["tokens_evaluated"] >= 3
    assert served.post("/completion", {**body, "prompt": []})["tokens_predicted"] == 4  # nothing stands before
    both = served.post("/completion", {**body, "prompt": ["def clip(", "return "]})
    assert [one["index"] for one in both] == [0, 1]
    assert both[0]["content"] == served.post("/completion", {**body, "prompt": "def clip("})["content"]


def test_a_stop_word_is_named(served: Served):
    body = {"prompt": "def clip(", "n_predict": 20, "temperature": 0}
    whole = served.post("/completion", body)["content"]
    stop = whole[5:8]
    answer = served.post("/completion", {**body, "stop": [stop]})
    assert answer["content"] == whole[: whole.find(stop)]
    assert (answer["stop_type"], answer["stopping_word"]) == ("word", stop)


def test_tokenize_and_back(served: Served):
    text = "value = 'Größe'\n<|endoftext|>"
    tokens = served.post("/tokenize", {"content": text})["tokens"]
    assert tokens[-1] == served.service.scheduler.tokenizer.eof
    assert served.post("/detokenize", {"tokens": tokens})["content"] == text
    plain = served.post("/tokenize", {"content": text, "parse_special": False})["tokens"]
    assert len(plain) > len(tokens) and served.post("/detokenize", {"tokens": plain})["content"] == text
    pieces = served.post("/tokenize", {"content": "ö", "with_pieces": True})["tokens"]
    assert [piece["piece"] for piece in pieces] in ([[195], [182]], ["ö"])


def test_properties_and_health(served: Served):
    assert served.request("GET", "/health")[2] == b'{"status":"ok"}'
    status, _, body = served.request("GET", "/props")
    assert status == 200 and b'"n_ctx":128' in body and b'"total_slots":4' in body


def test_marks_can_be_read_as_text(model, tokenizer):
    with serving(Decoder(model, tokenizer, 1), markers=False) as server:
        body = {"prompt": "<|endoftext|>a", "n_predict": 1}
        asked = server.post("/completion", body)["tokens_evaluated"]
        assert asked >= len(tokenizer.encode("<|endoftext|>"))


def test_a_model_without_infilling_reads_what_stands_before(model, tokenizer):
    with serving(Decoder(model, tokenizer, 1), infill=False) as server:
        answer = server.post("/infill", VIM | {"response_fields": None})
        assert answer["prompt"] == VIM["input_prefix"] + VIM["prompt"]
        request = Request(tokenizer.encode(answer["prompt"]).tolist(), 1)
        assert answer["tokens_evaluated"] <= len(request.prompt) + 20
