from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.spoken import divide, plain, spoken

THOUGHTS = (
    "<think>{}</think>",
    "<think>\n{}\n</think>\n\n",
    "<THINK>{}</THINK>",
    "< think >{}</ think >",
    "<thinking>{}</thinking>",
    "<thought>{}</thought>",
    "<reasoning>{}</reasoning>",
    "<seed:think>{}</seed:think>",
    "<think budget='3'>{}</think>",
    "[THINK]{}[/THINK]",
    "◁think▷{}◁/think▷",
    "<|begin_of_thought|>{}<|end_of_thought|>",
    "<|START_THINKING|>{}<|END_THINKING|>",
    "{}</think>",
    "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>",
    "analysis{}assistantfinal",
    "<think>a <think> tag {}</think>",
    "<think>{}<think>more</think>even more</think>",
)
UNCLOSED = (
    "<think>{}",
    "<thinking>\n{}",
    "<reasoning>{}",
    "[THINK]{}",
    "◁think▷{}",
    "<|channel|>analysis<|message|>{}",
)


@pytest.mark.parametrize("form", THOUGHTS)
@given(st.text("abc AB.\n0", min_size=1, max_size=40).map(lambda text: f"We {text}"))
def test_a_thought_is_not_said(form: str, thought: str) -> None:
    # confident-ai/deepeval 2410, promptfoo/promptfoo 1866: reasoning models' verdicts were read out of their thoughts.
    said, thoughts = divide(form.replace("{}", thought) + "the answer")
    assert said.strip() == "the answer"
    assert thought.strip() in thoughts


@pytest.mark.parametrize("form", UNCLOSED)
def test_a_thought_that_does_not_end_leaves_nothing(form: str) -> None:
    assert spoken(form.replace("{}", "I lean to [[A]]")) == ""
    assert spoken("Before. " + form.replace("{}", "I lean to [[A]]")).strip() in ("Before.", "")


@pytest.mark.parametrize(
    "text", ["", "a < b and c > d", "The `<think>` tag opens a thought.", "[think about it]", "x\n\n y "]
)
def test_what_holds_no_thought_stays_as_it_is(text: str) -> None:
    assert spoken(text) == text


PARTS = ("<think>", "</think>", "[THINK]", "[/THINK]", "x", " ", "<reasoning>", "`")


@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
def test_what_was_said_holds_no_thought(text: str) -> None:
    said, thought = divide(text)
    assert said.count("x") + thought.count("x") == text.count("x")
    assert spoken(said) == said or "`" in said


@pytest.mark.parametrize(
    "unseen", ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u2066", "\ufe0f", "\u034f", "\u3164"]
)
def test_what_cannot_be_seen_is_not_there(unseen: str) -> None:
    assert plain(f"un{unseen}safe") == "unsafe"
    assert spoken(plain(f"<th{unseen}ink>[[A]]</think>b")) == "b"
