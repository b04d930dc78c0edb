"""Documents out of set phrases."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal

import pytest

from dikast.graphs.summhay.make.roles import Task
from dikast.graphs.summhay.make.templates import NAMES, choose_participants, compose, lowered
from dikast.graphs.summhay.make.words import ABSENT, IN_WORDS, PRESENT, WordOracle, sentences_of
from tests.graphs.summhay.made import EVERY

PEOPLE = ("Ann", "Bo", "Cy")
Domain = Literal["news", "conversation"]


def task_of(domain: Domain, words: int = 600, seed: int = 0, insights: tuple[str, ...] = tuple(EVERY[:3])) -> Task:
    people = PEOPLE if domain == "conversation" else ()
    return Task("harbour cranes", domain, people, ("automation", "energy"), insights, words, seed)


@pytest.mark.parametrize("domain", ["news", "conversation"])
@pytest.mark.parametrize("words", [60, 200, 600, 1500])
def test_a_document_says_its_insights_and_no_other_in_about_as_many_words(domain: Domain, words: int) -> None:
    oracle = WordOracle(EVERY)
    for seed in range(20):
        text = compose(task_of(domain, words, seed))
        shares = oracle.read(text)
        assert all(share >= PRESENT for share in shares[:3])
        assert all(share < ABSENT for share in shares[3:])
        # What has to be there (insights, and talk between them) is more than 60 words.
        assert 0.9 * words <= len(text.split()) <= max(1.15 * words, 240)


@pytest.mark.parametrize("domain", ["news", "conversation"])
def test_the_talk_has_no_numbers_and_no_names(domain: Domain) -> None:
    for seed in range(20):
        text = compose(task_of(domain, seed=seed, insights=()))
        assert not IN_WORDS.search(text)
        assert not re.search(r"\d", text)
        inside = {word for one in sentences_of(text) for word in re.findall(r"(?<![:.?!] )(?<!^)\b[A-Z]\w+", one)}
        assert inside <= set(PEOPLE), inside


def test_conversations_are_turns_of_the_participants_and_nobody_answers_himself() -> None:
    lines = compose(task_of("conversation")).split("\n")
    speakers = [line.partition(": ")[0] for line in lines]
    assert set(speakers) == set(PEOPLE)
    assert all(one != two for one, two in pairwise(speakers))


def test_articles_are_paragraphs() -> None:
    paragraphs = compose(task_of("news")).split("\n\n")
    assert len(paragraphs) > 5
    assert all(1 <= len(sentences_of(one)) <= 8 for one in paragraphs)


def test_a_seed_gives_the_same_text_and_another_gives_another() -> None:
    texts = {compose(task_of("news", seed=seed)) for seed in range(30)}
    assert len(texts) == 30
    assert compose(task_of("news", seed=3)) in texts
    assert compose(task_of("news", seed=3), sample=1) not in texts


def test_an_insight_may_hold_braces() -> None:
    odd = "The key {said} of {0} costs 7 euros at {theme}."
    assert odd.rstrip(".") in compose(task_of("news", insights=(odd,))) or lowered(odd).rstrip(".") in compose(
        task_of("news", insights=(odd,))
    )


def test_participants_are_drawn_and_occur_in_no_insight() -> None:
    texts = [f"{name} paid 7 euros." for name in NAMES[:18]]
    for seed in range(10):
        names = choose_participants(seed, texts)
        assert len(set(names)) == 4
        assert not set(names) & set(NAMES[:18])
    assert choose_participants(1, texts) == choose_participants(1, texts)
    assert len({choose_participants(seed, []) for seed in range(10)}) > 1
    assert len(choose_participants(0, [" ".join(NAMES)])) == 4


@pytest.mark.parametrize("domain", ["news", "conversation"])
def test_sentences_begin_with_a_capital_and_i_is_one(domain: Domain) -> None:
    for seed in range(20):
        text = compose(task_of(domain, seed=seed))
        said = [one.partition(": ")[2] if one.startswith(PEOPLE) else one for one in sentences_of(text)]
        assert all(one[0].isupper() for one in said), said
        assert not re.search(r"\bi\b", text)
