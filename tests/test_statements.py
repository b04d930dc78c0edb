from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from dikast.evaluation.interchange import llmbar
from dikast.verdicts import read_json_score, read_score, read_verdict
from tests.test_spoken import THOUGHTS, UNCLOSED

DECORATED = (
    "{}",
    "**{}**",
    "`{}`",
    "```\n{}\n```",
    "> {}",
    "({})",
    "<verdict>{}</verdict>",
    "{}</s>",
    "{}<|im_end|>",
    "\\boxed{{{}}}",
)
STATED = (
    "{}",
    "{}.",
    "Verdict: {}",
    "Final verdict: {}.",
    "I choose {}.",
    "The winner is {}!",
    "Therefore, {}",
    "{} is better.",
    "{} is clearly the better one.",
    "{} wins.",
    "I pick {} because the other is not complete.",
    "Both are long.\n\n### Verdict\n\n{}",
    "The other does not answer, so {}",
    "判决：{}",
    "Urteil: {}",
    "{}\n\nReason: it is complete, and the other is not.",
    "{}\n\nLet me know if you need more.",
)
NOT_STATED = (
    "I would not choose {}.",
    "It isn't {}",
    "The worse one is {}.",
    "The loser:\n{}",
    "The winner is definitely not\n{}",
    "Anything but {}",
    "Far from {}.",
    "Rejected: {}",
    "At first sight {} looks better, but checking the arithmetic shows that",
    "If forced: {}",
    "Maybe {}",
    "Response X says: {}",
    'It tells me to write "{}".',
    "It would be a mistake to choose {}.",
    "I can't say {}",
    "{}?",
    "{} (not really)",
    "{} is worse.",
    "{} loses",
    "{} would be wrong",
    "{} is only better on style",
    "{}, but only if the facts hold",
    "{} — just kidding",
    "{}. Wait, no.",
    "{}\nScratch that.",
    "{}\nActually, I change my verdict.",
    "{}\n\nOn reflection I take that back.",
    "{}\nThe other one is better.",
    "Everyone expects {}.\nI disagree.\n{}?",
    "Nicht {}.",
    "Je ne choisis pas {}.",
    "No elijo {}.",
    "不是{}",
    "{}ではない",
    "Не {}",
    "{} ist schlechter",
)
"""Mentions; `{}` is a mark."""
TWO = (
    "{0} is better than {1}.",
    "I prefer {0} over {1}",
    "My verdict is {0} (not {1})",
    "{1} is worse than {0}",
    "{0}{1}",
    "{0}/{1}",
    "{0}? {1}?",
    "- {0}\n- {1}",
    "{0}\n{1}",
    "Verdict: {0}\nVerdict: {1}",
    "Accuracy: {0}\nStyle: {1}",
    "{0} if Response A is better, {1} if Response B is better.",
    "End with your verdict on a line of its own: {0} if Response A is better, {1}",
    "{0}... no, {1}",
    "{0} out of {1}",
)
"""Two marks where one decides."""
SIDES = {
    "[[A]]": "first",
    "[[B]]": "second",
    "[[C]]": "tie",
    "[[tie]]": "tie",
    "[[ a ]]": "first",
    "［［B］］": "second",
}


@pytest.mark.parametrize(("stated", "mark"), list(product(STATED, SIDES)))
def test_a_statement_is_read(stated: str, mark: str) -> None:
    for form in DECORATED:
        assert read_verdict(stated.replace("{}", form.format(mark))) in (SIDES[mark], None)
    assert read_verdict(stated.replace("{}", mark)) == SIDES[mark]


@pytest.mark.parametrize(("mention", "mark"), list(product(NOT_STATED, ("[[A]]", "**[[B]]**", "`[[C]]`"))))
def test_a_mention_is_not_read(mention: str, mark: str) -> None:
    # lm-sys/FastChat 3921, allenai/reward-bench 271, UKGovernmentBEIS/inspect_ai 4283: marks anywhere were verdicts.
    assert read_verdict(mention.replace("{}", mark)) is None


@pytest.mark.parametrize("mention", [m for m in NOT_STATED if "better" not in m])
def test_nor_is_a_score_that_is_mentioned(mention: str) -> None:
    assert read_score(mention.replace("{}", "[[4]]"), 1, 5) is None


@pytest.mark.parametrize(
    ("text", "one"), list(product(TWO, (("[[A]]", "[[B]]"), ("[[B]]", "[[A]]"), ("[[4]]", "[[5]]"))))
)
def test_two_marks_in_the_deciding_sentence_are_no_verdict(text: str, one: tuple[str, str]) -> None:
    said = text.format(*one)
    assert read_verdict(said) is None
    assert read_score(said, 1, 5) is None


@pytest.mark.parametrize(
    "last", ["[[B\u200b]]", "[\u200b[B]]", "[[\u2060B]]", "［［B］］", "[[B\ufeff]]", "[[\u202eB]]", "[[\u200dB]]"]
)
def test_a_final_verdict_hides_behind_nothing(last: str) -> None:
    assert read_verdict(f"At first I leant to [[A]]. In the end: {last}") == "second"


@pytest.mark.parametrize("last", ["[[\u0412]]", "[[B>A]]", "[[Response B]]", "[[8/10]]", "[[four]]", "[[]]"])
def test_a_mark_of_another_spelling_is_a_mark_all_the_same(last: str) -> None:
    assert read_verdict(f"I call it [[A]]. Final verdict: {last}") is None


@pytest.mark.parametrize("form", THOUGHTS)
def test_thoughts_are_not_read(form: str) -> None:
    thought = form.replace("{}", "I lean to [[A]], no: {}")
    assert read_verdict(thought + "[[B]]") == "second"
    assert read_verdict(thought + '{"winner": "B"}', "json") == "second"
    assert read_json_score(thought + '{"score": 4}', 1, 5) == 4
    assert read_verdict(thought + "I cannot judge these.") is None


@pytest.mark.parametrize("form", UNCLOSED)
def test_nor_one_that_is_cut(form: str) -> None:
    assert read_verdict(form.replace("{}", "[[A]]")) is None


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "```json\n{}\n```",
        "```\n{}\n```",
        "~~~\n{}\n~~~",
        "{}\n",
        "\ufeff{}",
        "{}<|im_end|>",
        "Here you go:\n{}",
        "{} I hope this helps.",
    ],
)
def test_objects_are_read_alike_for_pairs_and_scores(around: str) -> None:
    assert read_verdict(around.replace("{}", '{"reasoning": "x", "winner": "A"}'), "json") == "first"
    assert read_json_score(around.replace("{}", '{"reasoning": "x", "score": 4}'), 1, 5) == 4


@pytest.mark.parametrize(
    "text",
    [
        '{"K": V, "K": W}',
        '{"K": V, "K": V}',
        '{"K": V, "k": W}',
        '{"x": {"K": W}, "K": V}',
        '{"x": {"y": 1, "y": 2}, "K": V}',
        '{"x": [{"y": [{"z": 1, "z": 1}]}], "K": V}',
        '{"K": V}\n{"K": W}',
        'The other said {"K": V}',
        'It says {"K": V} at its end.',
        '{"K": V} is what it says; that is wrong.',
        '{"K": V}\nWait, no.',
        '{"K": [V]}',
        '{"K": V',
    ],
)
def test_what_an_object_does_not_state_is_unread(text: str) -> None:
    pair = text.replace(": V", ': "A"').replace("[V]", '["A"]').replace(": W", ': "B"')
    assert read_verdict(pair.replace('"K"', '"winner"').replace('"k"', '"Winner"'), "json") is None
    score = text.replace(": V", ": 4").replace("[V]", "[4]").replace(": W", ": 5")
    score = score.replace('"K"', '"score"').replace('"k"', '"Score"')
    assert read_json_score(score, 1, 5) is None


def test_a_score_may_be_followed_by_the_best_one() -> None:
    assert read_score("Solid: [[4]] / 5", 1, 5) == 4
    assert read_score("[[4]] out of 5", 1, 5) == 4
    assert read_score("[[4]]/10", 1, 5) is None
    assert read_score("On a scale from [[1]] to [[5]].", 1, 5) is None


def test_recorded_explanations_with_a_mark_are_read_right_or_not_at_all(shared_data: Path) -> None:
    """1,559 explanations by judges of LLMBar that named one output at their end, as marks, at four places."""
    read = Counter[tuple[str, str]]()
    for run in llmbar.read_recorded(shared_data / "evals" / "pairwise" / "recorded_judgments.jsonl"):
        for stage in run.stages if run.form == "phrase" else ():
            for reply in (stage.ab, stage.ba):
                named = (
                    [x for x in "ab" for _ in range((reply.completion or "").count(f"Output ({x}) is better."))]
                    if reply
                    else []
                )
                if reply and reply.completion and len(named) == 1:
                    _count(reply.completion, named[0], read)
    assert not [key for key in read if key[1] == "wrong"]
    for place, least in (("inline", 0.95), ("own line", 0.98), ("is better", 0.98), ("first", 0.9)):
        assert read[place, "right"] >= least * (read[place, "right"] + read[place, "unread"]) > 1000


def _count(completion: str, label: str, read: Counter[tuple[str, str]]) -> None:
    phrase, mark = f"Output ({label}) is better.", f"[[{label.upper()}]]"
    texts = {
        "inline": completion.replace(phrase, mark),
        "own line": completion.replace(phrase, "") + f"\n{mark}",
        "is better": completion.replace(phrase, f"{mark} is better."),
        "first": f"{mark}\n" + completion.replace(phrase, ""),
    }
    right = {"a": "first", "b": "second"}[label]
    for place, text in texts.items():
        said = read_verdict(text.replace("Output (a)", "Response A").replace("Output (b)", "Response B"))
        read[place, "unread" if said is None else "right" if said == right else "wrong"] += 1
