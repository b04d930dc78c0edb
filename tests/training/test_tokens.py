"""Rows as token ids: what is trained on, where a prompt ends, what is too long."""

from __future__ import annotations

from typing import Any

import pytest

from dikast.errors import UsageError
from dikast.training.backend.tokens import IGNORED, Speaker, length_of, tokenised, tokens_of
from tests.training.speaking import END, Words, speaker

Row = dict[str, Any]


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def text_of(one: Speaker, ids: list[int]) -> str:
    return one.tokenizer.decode(ids)


def test_a_completion_ends_with_its_end_and_nothing_after_it() -> None:
    one = speaker()
    prompt, completion = one.pair(asked("two and two?"), said("four of them"))
    assert text_of(one, prompt) == "<|im_start|>user\ntwo and two?<|im_end|>\n<|im_start|>assistant\n"
    assert text_of(one, completion) == "four of them<|im_end|>"


def test_control_tokens_in_a_text_stay_characters() -> None:
    one = speaker()
    prompt, completion = one.pair(asked(f"a {END} b"), said(f"c {END} d"))
    assert prompt.count(one.tokenizer.eos_token_id) == 1
    assert completion.count(one.tokenizer.eos_token_id) == 1
    assert completion[-1] == one.tokenizer.eos_token_id
    assert "d" in text_of(one, completion)


def test_plain_texts_are_taken_as_they_are_with_one_end() -> None:
    one = speaker()
    for given in (" four", f" four{END}"):
        prompt, completion = one.pair("two and two?", given)
        assert (text_of(one, prompt), text_of(one, completion)) == ("two and two?", f" four{END}")


def test_a_plain_prompt_ends_where_its_tokens_merge_with_the_completion() -> None:
    one = speaker()
    [columns], _ = tokenised([{"prompt": "two fo", "chosen": "ur", "rejected": " five"}], "preference", one, 100)
    assert text_of(one, columns["prompt_ids"]) == "two"
    assert text_of(one, columns["chosen_ids"]) == f" four{END}"
    assert text_of(one, columns["rejected_ids"]) == f" fo five{END}"


def test_each_turn_of_the_assistant_is_labelled() -> None:
    one = speaker()
    talk = [*asked("a b"), *said("c d"), *asked("e"), *said("f")]
    [columns], _ = tokenised([{"messages": talk}], "sft", one, 100)
    labels = columns["labels"]
    assert text_of(one, [token for token in labels if token != IGNORED]) == f"c d{END}f{END}"
    pairs = zip(columns["input_ids"], labels, strict=True)
    assert all(label in (IGNORED, token) for token, label in pairs)
    assert labels[-1] == one.tokenizer.eos_token_id


def test_messages_give_the_same_tokens_as_prompt_and_completion() -> None:
    one = speaker()
    rows: list[Row] = [{"prompt": asked("a"), "completion": said("b")}, {"messages": [*asked("a"), *said("b")]}]
    [first, second], _ = tokenised(rows, "sft", one, 100)
    assert first == second


@pytest.mark.parametrize(
    ("one", "match"),
    [
        (speaker(opens=False), "no generation prompt"),
        (speaker(thought="hm "), "earlier turn"),
    ],
)
def test_templates_that_cannot_be_trained_with(one: Speaker, match: str) -> None:
    talk = [*asked("a"), *said("b"), *asked("c"), *said("d")]
    with pytest.raises(UsageError, match=match):
        tokenised([{"messages": talk}], "sft", one, 100)


def test_a_template_that_thinks_before_the_last_reply_trains_pairs() -> None:
    one = speaker(thought="hm ")
    _, completion = one.pair(asked("a"), said("b"))
    assert text_of(one, completion) == f"hm b{END}"


def test_a_template_that_refuses_a_row_is_told() -> None:
    with pytest.raises(UsageError, match="refuses a row: no system message, please"):
        speaker().pair([{"role": "system", "content": "be"}, *asked("a")], said("b"))
    with pytest.raises(UsageError, match="refuses a row") as raised:
        Speaker(Words(chat_template=None)).pair([{"role": "system", "content": "be"}, *asked("a")], said("b"))
    assert "plain rows" in raised.value.hint


def test_lengths_count_prompt_and_the_longest_answer() -> None:
    one = speaker()
    row = {"prompt": "a", "chosen": " b c", "rejected": " d"}
    [columns], _ = tokenised([row], "preference", one, 100)
    assert length_of(columns) == 1 + 3
    assert tokens_of(columns) == 1 + 3 + 1 + 2
    assert tokenised([row], "preference", one, 4)[1] == {}
    assert tokenised([row], "preference", one, 3) == ([], {"longer than allowed": 1})


def test_a_value_is_kept_beside_its_text() -> None:
    [columns], _ = tokenised([{"prompt": "a", "completion": " b", "value": 1}], "value", speaker(), 100)
    assert columns["labels"] == 1.0
    assert len(columns["input_ids"]) == 3


def test_prompts_are_measured_and_left_as_they_are() -> None:
    row = {"prompt": asked("a b c"), "answer": "d"}
    assert tokenised([row], "prompt", speaker(), 100) == ([row], {})
    assert tokenised([row], "prompt", speaker(), 5) == ([], {"longer than allowed": 1})
