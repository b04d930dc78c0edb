from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dikast.errors import DataError, MissingExtraError, UsageError
from dikast.evaluation.interchange.summeval import read_summaries
from dikast.evaluation.metrics import lexical
from dikast.evaluation.metrics.embedding import Encoded, bert_score, inverse_frequencies, mover_score
from dikast.evaluation.metrics.lexical import METRICS, Metric, bleu, chrf, rouge
from dikast.evaluation.metrics.likelihood import bart_score
from dikast.evaluation.metrics.meteor import meteor_exact_stem
from dikast.evaluation.metrics.vote import longer_wins, majority_of_metrics, metric_votes
from dikast.rows import read_rows
from dikast.verdicts import Winner

ALL: dict[str, Metric] = dict(METRICS)
BEST = {"bleu": 100.0, "chrf": 100.0}
TEXT = "the quick brown fox jumps over the lazy dog near the river bank"


class PlaneEncoder:
    """Each word has a fixed place on the unit circle: cosines can be worked out by hand."""

    def __init__(self, **degrees: float) -> None:
        self.degrees = degrees

    def encode(self, texts: Sequence[str]) -> Sequence[Encoded]:
        return [self._one(text.split()) for text in texts]

    def _one(self, words: list[str]) -> Encoded:
        angles = np.radians([self.degrees[word] for word in words])
        # Twice the length: scores must not depend on it.
        return Encoded(tuple(words), 2 * np.column_stack([np.cos(angles), np.sin(angles)]).reshape(-1, 2))


PLANE = PlaneEncoder(east=0, north=90, west=180, slope=60)


@pytest.mark.parametrize("name", ALL)
def test_a_text_is_nearest_to_itself_and_an_unrelated_one_is_not(name: str) -> None:
    metric = ALL[name]
    same, other = metric(TEXT, [TEXT]), metric("zq 77 !!", [TEXT])
    assert same == pytest.approx(BEST.get(name, 1.0), rel=2e-3)
    assert other < 0.1 * same


@pytest.mark.parametrize("name", ALL)
def test_a_further_reference_never_makes_it_worse_than_the_best_one_alone(name: str) -> None:
    metric = ALL[name]
    if name == "bleu":
        assert metric(TEXT, ["nothing alike", TEXT]) == pytest.approx(100)
        return
    assert metric(TEXT, ["nothing alike", TEXT]) == pytest.approx(metric(TEXT, [TEXT]))


@pytest.mark.parametrize("name", ALL)
def test_references_are_a_list_that_is_not_empty(name: str) -> None:
    nothing: list[str] = []
    for bad in (nothing, "a text"):
        with pytest.raises(UsageError, match="at least one reference"):
            ALL[name]("x", bad)


@pytest.mark.parametrize("name", ALL)
@settings(deadline=None, max_examples=25)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_have_a_finite_score_or_none(name: str, candidate: str, reference: str) -> None:
    score = ALL[name](candidate, [reference])
    assert math.isnan(score) or 0 <= score <= BEST.get(name, 1.0) + 1e-9


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("text", "not_measured"),
    [
        ("今天天气很好", {"bleu", "meteor-exact-stem", "rouge1", "rouge2", "rougeL"}),
        ("วันนี้อากาศดี", {"bleu", "meteor-exact-stem", "rouge1", "rouge2", "rougeL"}),
        ("Сегодня тепло и сухо", {"rouge1", "rouge2", "rougeL"}),
        ("It is warm today", set[str]()),
        ("", set[str]()),
    ],
)
def test_what_a_metric_cannot_see_it_does_not_measure(name: str, text: str, not_measured: set[str]) -> None:
    # google/adk-python 3111: ROUGE scored every Chinese answer 0.
    assert math.isnan(ALL[name](text, [text])) == (name in not_measured)
    assert math.isnan(ALL[name]("It is warm", [text])) == (name in not_measured)


def test_recorded_values_are_reproduced(shared_data: Path) -> None:
    folder = shared_data / "evals" / "summeval"
    texts = read_summaries(folder / "system_summaries_human.jsonl", folder / "references.jsonl")
    expected = list(read_rows(folder / "expected_metrics.jsonl"))
    for text, record in list(zip(texts, expected, strict=True))[::40]:
        assert text.id == f"{record.text('doc_id')}/{record.text('system')}"
        main = text.references[:1]
        assert bleu(text.text, main) == pytest.approx(record.number("sacrebleu_sentence_bleu"), abs=1e-9)
        assert bleu(text.text, text.references) == pytest.approx(record.number("sacrebleu_bleu_multi"), abs=1e-9)
        assert chrf(text.text, main) == pytest.approx(record.number("sacrebleu_chrf"), abs=1e-9)
        for kind in ("rouge1", "rouge2", "rougeL"):
            assert rouge(text.text, main, kind) == pytest.approx(record.number(kind), abs=1e-9)


def test_a_sentence_shorter_than_four_words_can_be_right() -> None:
    assert bleu("the cat", ["the cat"]) == pytest.approx(100)


def test_meteor_of_a_worked_example() -> None:
    # "cats" and "cat" meet by their stem; 5 of 5 and 5 of 6 matched in 1 chunk, "down" alone is not.
    precision, recall, chunks, matched = 1.0, 5 / 6, 1, 5
    mean = precision * recall / (0.9 * precision + 0.1 * recall)
    expected = mean * (1 - 0.5 * (chunks / matched) ** 3)
    assert meteor_exact_stem("The cats sat there .", ["the cat sat there . down"]) == pytest.approx(expected)
    assert meteor_exact_stem("", ["a"]) == 0


def test_meteor_knows_no_synonyms() -> None:
    assert meteor_exact_stem("car", ["automobile"]) == 0


def test_bert_score_by_hand() -> None:
    found = bert_score("east slope", "east north", PLANE)
    assert found.precision == pytest.approx((1 + math.cos(math.radians(30))) / 2)
    assert found.recall == pytest.approx((1 + math.cos(math.radians(30))) / 2)
    assert bert_score("east", "west", PLANE).f1 == 0
    part = bert_score("east", "east north", PLANE)
    assert (part.precision, part.recall, part.f1) == (pytest.approx(1), pytest.approx(0.5), pytest.approx(2 / 3))
    assert bert_score("", "west", PLANE).f1 == 0


def test_bert_score_weighs_by_inverse_frequency() -> None:
    weights = inverse_frequencies(PLANE.encode(["east north", "east", "east slope"]))
    assert weights == pytest.approx({"east": 0.0, "north": math.log(2), "slope": math.log(2)})
    # "east" weighs nothing: precision is that of "slope" alone.
    assert bert_score("east slope", "east north", PLANE, weights).precision == pytest.approx(math.cos(math.radians(30)))


def test_mover_score_by_hand() -> None:
    assert mover_score("east north", "north east", PLANE) == pytest.approx(1)
    assert mover_score("east", "north", PLANE) == pytest.approx(1 - math.sqrt(2))
    assert mover_score("east", "west", PLANE) == pytest.approx(-1)
    # A third of the mass stays; the other two have to go from east to north.
    assert mover_score("east", "east north north", PLANE) == pytest.approx(1 - 2 / 3 * math.sqrt(2))
    # The cheaper assignment of the two: slope to north, east to east.
    assert mover_score("east slope", "north east", PLANE) == pytest.approx(1 - 2 * math.sin(math.radians(15)) / 2)
    assert mover_score("", "east", PLANE) == -1


def test_an_encoder_that_lies_about_its_tokens_is_told() -> None:
    class Short:
        def encode(self, texts: Sequence[str]) -> Sequence[Encoded]:
            return [Encoded(("a", "b"), np.zeros((1, 2))) for _ in texts]

    with pytest.raises(DataError, match="2 tokens but vectors of shape"):
        bert_score("a", "b", Short())


def test_bart_score_asks_in_the_right_direction() -> None:
    class Lengths:
        def mean_log_likelihood(self, sources: Sequence[str], targets: Sequence[str]) -> Sequence[float]:
            return [-10.0 * len(source) - len(target) for source, target in zip(sources, targets, strict=True)]

    assert bart_score("cccc", "r", Lengths(), "precision") == -14
    assert bart_score("cccc", "r", Lengths(), "recall") == -41
    assert bart_score("cccc", "r", Lengths()) == pytest.approx(-27.5)


def test_metrics_vote() -> None:
    votes = metric_votes(TEXT, "something else", [TEXT], METRICS)
    assert set(votes.values()) == {"1"}
    assert metric_votes("a", "a", [TEXT], METRICS)["chrf"] == "tie"
    assert majority_of_metrics(votes) == "1"


@pytest.mark.parametrize(
    ("votes", "winner"),
    [("12t", "tie"), ("1tt", "1"), ("221", "2"), ("tt", "tie"), ("nt", "tie"), ("n", None), ("", None)],
)
def test_a_metric_that_says_tie_abstains(votes: str, winner: Winner | None) -> None:
    names: dict[str, Winner | None] = {"1": "1", "2": "2", "t": "tie", "n": None}
    assert majority_of_metrics({str(i): names[vote] for i, vote in enumerate(votes)}) == winner


def test_the_longer_wins() -> None:
    assert (longer_wins("ab", "a"), longer_wins("a", "ab"), longer_wins("a", "b")) == ("1", "2", "tie")


@pytest.mark.parametrize(
    ("module", "call"),
    [("sacrebleu.metrics.bleu", "bleu"), ("sacrebleu.metrics.chrf", "chrf"), ("rouge_score.rouge_scorer", "rouge1")],
)
def test_a_missing_package_is_one_line_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, module: str, call: str
) -> None:
    for cached in (lexical._bleu, lexical._chrf, lexical._rouge):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dikast\[evaluation\]'"):
        METRICS[call]("a", ["a"])
