"""Judges of coverage without a language model, the ladder, and recorded labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dikast.agents.models.request import Sampling
from dikast.errors import DataError, MissingExtraError, UsageError
from dikast.graphs.summhay.coverage import load
from dikast.graphs.summhay.coverage.ladder import LadderJudge
from dikast.graphs.summhay.coverage.load import load_coverage_judge
from dikast.graphs.summhay.coverage.recorded import RecordedJudge
from dikast.graphs.summhay.coverage.roles import CoverageJudge, Verdict, no_verdict, nobodys
from dikast.graphs.summhay.coverage.similarity import ENCODER, WORDS, Kept, SimilarityJudge
from dikast.graphs.summhay.coverage.words import shares
from dikast.graphs.summhay.haystack import Insight
from dikast.records import Outcome, Usage
from dikast.retrieval.encoders.encoder import Role
from dikast.retrieval.encoders.scripted import ScriptedEncoder
from dikast.retrieval.vectors import Vectors

GREEDY = Sampling()


def insight(text: str, id_: str = "i") -> Insight:
    return Insight(insight_id=id_, insight=text)


def test_a_share_is_of_the_words_by_how_few_bullets_have_them() -> None:
    bullets = ["Alpha beta. [3]", "Alpha gamma. [4]", "Delta."]
    # ln(4/2) for alpha, ln(4/1) for beta, gamma and for the unseen word: 1, 2, 2, 2 in units of ln 2.
    assert shares(bullets, "The alpha, beta, gamma, epsilon") == pytest.approx([3 / 7, 3 / 7, 0])
    assert shares(["x y"], "x z") == pytest.approx([0.5])
    assert shares(["[3]", ""], "the of [3]") == [0, 0]


async def test_words_give_grade_and_bullet() -> None:
    judge = SimilarityJudge()
    bullets = ["unrelated things", "one two three"]
    texts = ["one two three", "one four five", "six seven", "the"]
    found = await judge.cover(bullets, [insight(text) for text in texts], sampling=GREEDY)
    assert [(one.coverage, one.bullet) for one in found] == [(1, 2), (0.5, 2), (0, None), (0, None)]
    assert {one.by for one in found} == {"words"}
    assert [one.expected for one in found] == [1.0, pytest.approx(1.61 / 3 - 0.04, abs=1e-4), 0.0, 0.0]
    assert await judge.cover(bullets, [], sampling=GREEDY) == []


@dataclass
class Axes:
    """An encoder: a text's vector says which of three words are in it."""

    calls: list[list[str]] = field(default_factory=list[list[str]])

    def __call__(self, texts: Sequence[str], role: Role) -> Vectors:
        self.calls.append(list(texts))
        assert role == "document"
        return np.array([[word in text for word in ("red", "green", "blue")] for text in texts], np.float32) + 1e-6


def encoder_of(axes: Axes) -> ScriptedEncoder:
    named: Any = axes
    named.__module__, named.__name__ = __name__, "axes"
    return ScriptedEncoder(axes)


async def test_an_encoder_adds_its_cosine_and_sees_no_citations() -> None:
    axes = Axes()
    judge = SimilarityJudge(encoder_of(axes))
    found = await judge.match(["a red house [12]", "b blue"], [insight("blue sky")])
    assert found[0].bullet == 2
    # Word share: blue ln(3/1), sky ln(3/1).
    assert found[0].score == pytest.approx(0.5 + 1, abs=1e-3)
    assert axes.calls == [["a red house", "b blue", "blue sky"]]
    await judge.match(["a red house [12]", "new"], [insight("blue sky")])
    assert axes.calls[1:] == [["new"]]
    assert judge.scale is ENCODER


async def test_half_a_character_is_no_reason_to_fail() -> None:
    axes = Axes()
    await SimilarityJudge(encoder_of(axes)).match(["a\ud800b"], [insight("red")])
    assert axes.calls == [["a?b", "red"]]


async def test_vectors_are_kept_up_to_a_number() -> None:
    axes = Axes()
    kept, encoder = Kept(2), encoder_of(axes)
    await kept.vectors_of(encoder, ["red", "blue"])
    await kept.vectors_of(encoder, ["red"])
    await kept.vectors_of(encoder, ["green"])  # puts blue out
    await kept.vectors_of(encoder, ["red"])
    assert axes.calls == [["red", "blue"], ["green"]]
    assert (await kept.vectors_of(encoder, ["blue", "red", "green"])).shape == (3, 3)


async def test_rows_side_by_side_encode_together() -> None:
    import asyncio

    axes = Axes()

    class Slow(ScriptedEncoder):
        async def encode(self, texts: Sequence[str], role: Role) -> Vectors:
            await asyncio.sleep(0)
            return await super().encode(texts, role)

    encoder_of(axes)
    judge = SimilarityJudge(Slow(axes))
    lines = ["red", "blue"]
    await asyncio.gather(*(judge.match(lines, [insight(f"green {n}")]) for n in range(9)))
    # The first begins at once; the others wait for it, and then for one another.
    assert [len(texts) for texts in axes.calls] == [2 + 1, 8]


@dataclass
class Asked:
    """Whoever stands on the ladder's upper step."""

    batched: bool = False
    outcome: Outcome = Outcome.OK
    asked: list[list[str]] = field(default_factory=list[list[str]])
    spec: str = "python:asked"

    def fingerprint(self) -> dict[str, object]:
        return {"asked": 1}

    async def cover(self, bullets: Sequence[str], insights: Sequence[Insight], *, sampling: Sampling) -> list[Verdict]:
        assert sampling == GREEDY
        self.asked.append([one.insight_id for one in insights])
        if self.outcome is not Outcome.OK:
            return [no_verdict(one, "model", self.outcome, "as told") for one in insights]
        usage, who = Usage(calls=1), nobodys(self.spec)
        return [Verdict(one.insight_id, 1.0, 2, "model", None, Outcome.OK, "", usage, who) for one in insights]


BULLETS = ["a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11"]
SOUGHT = [
    insight(" ".join([*(f"a{n}" for n in range(1, k + 1)), *(f"z{n}" for n in range(k, 25))]), f"{k}")
    for k in (0, 4, 6, 7, 8, 10, 11)
]
"""Insights of 25 words, of which k stand in the bullet, all weighing the same."""


@pytest.mark.parametrize("batched", [False, True])
async def test_the_ladder_asks_of_what_is_uncertain_alone(batched: bool) -> None:
    upper = Asked(batched)
    ladder = LadderJudge(SimilarityJudge(), upper)
    found = await ladder.cover(BULLETS, SOUGHT, sampling=GREEDY)
    # From 0.2 on and below 0.3: 6 and 7 of 25 words.
    assert upper.asked == ([["6", "7"]] if batched else [["6"], ["7"]])
    assert ladder.batched == batched
    assert [(one.insight_id, one.coverage, one.bullet, one.by) for one in found] == [
        ("0", 0, None, "words"), ("4", 0, None, "words"), ("6", 1, 2, "model"), ("7", 1, 2, "model"),
        ("8", 0.5, 1, "words"), ("10", 0.5, 1, "words"), ("11", 1, 1, "words"),
    ]  # fmt: skip
    assert found[2].expected == pytest.approx((1.61 * 0.24 - 0.04 + 1) / 2, abs=1e-4)


async def test_where_nothing_is_uncertain_nobody_is_asked() -> None:
    upper = Asked(batched=True)
    await LadderJudge(SimilarityJudge(), upper).cover(BULLETS, SOUGHT[:1], sampling=GREEDY)
    assert upper.asked == []


async def test_a_failure_on_the_upper_step_is_no_guess_from_below() -> None:
    found = await LadderJudge(SimilarityJudge(), Asked(outcome=Outcome.TIMEOUT)).cover(BULLETS, SOUGHT, sampling=GREEDY)
    assert (found[2].coverage, found[2].outcome) == (None, Outcome.TIMEOUT)
    assert found[2].expected == pytest.approx(1.61 * 0.24 - 0.04, abs=1e-4)


def test_bands_widen_with_their_share_and_hold_the_threshold_of_being_covered() -> None:
    for scale in (WORDS, ENCODER):
        bands = [scale.bands[share] for share in sorted(scale.bands)]
        for inner, outer in pairwise(bands):
            assert outer[0] <= inner[0] < inner[1] <= outer[1]
        low, high = scale.bands[0.25]
        assert low < scale.partly < high < scale.fully


def test_specs_come_back_as_they_were() -> None:
    for spec in (
        "words",
        "ladder?encoder=words+server:http://h/v1#M",
        "ladder?encoder=words&share=0.1+batch+server:http://h/v1#M?timeout=3",
        "ladder?encoder=words&share=0.5+recorded:x.jsonl?column=predictions_a",
        "recorded:x.json,y.json",
        "ladder?encoder=server:http://e/v1#E%3Fquery_prefix=q:%2B+words",
        "encoder:server:http://e/v1#E",
    ):
        judge = load_coverage_judge(spec)
        assert judge.spec == spec
        assert isinstance(judge, CoverageJudge)
    prefixed: Any = load_coverage_judge("ladder?encoder=server:http://e/v1#E%3Fquery_prefix=q:%2B+words")
    assert prefixed.first.encoder.spec == "server:http://e/v1#E?query_prefix=q:+"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("ladder+", "ends in another judge"),
        ("ladder?share=0.1", "ends in another judge"),
        ("ladder+ladder+words", "ends in another judge"),
        ("ladder?encoder=words&share=0.3+words", "share is one of 0.1, 0.25, 0.5"),
        ("ladder?enc=words+words", "no option is called 'enc'"),
        ("recorded:", "no file is named"),
        ("recorded:x?col=a", "no option is called 'col'"),
        ("nobody:x", "no engine is called 'nobody'"),
    ],
)
def test_a_spec_that_cannot_be_is_told(spec: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_coverage_judge(spec)
    with pytest.raises(UsageError, match="not a judge of coverage: int"):
        load_coverage_judge(7)


def test_without_the_default_encoder_words_do_its_work_and_a_named_one_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(spec: str) -> Any:
        raise MissingExtraError(f"the encoder of {spec}", hint="pip install it")

    monkeypatch.setattr(load, "load_encoder", missing)
    ladder: Any = load_coverage_judge("ladder+words")
    assert ladder.spec == "ladder?encoder=words+words"
    assert "words alone" in ladder.note
    for spec in ("encoder", "ladder?encoder=local:all-minilm-l6-v2+words"):
        with pytest.raises(MissingExtraError):
            load_coverage_judge(spec)


def test_a_ladders_fingerprint_knows_both_steps_and_the_band() -> None:
    specs = ["ladder?encoder=words+words", "ladder?encoder=words&share=0.1+words", "words"]
    specs += ["ladder?encoder=words+server:http://h/v1#M", "ladder?encoder=words+batch+server:http://h/v1#M"]
    assert len({json.dumps(load_coverage_judge(spec).fingerprint(), sort_keys=True) for spec in specs}) == 5


def topic(path: Path, **labels: list[dict[str, Any]]) -> Path:
    """A topic file in which systems a and b wrote the same, and c something else."""
    summaries = {"a": ["one [1]"], "b": ["one [1]"], "c": ["two"]}
    subtopic = {
        "subtopic_id": "s",
        "subtopic": "s",
        "insights": [{"insight_id": "i", "insight": "x"}, {"insight_id": "j", "insight": "y"}],
        "summaries": summaries,
        "eval_summaries": labels,
    }
    value = {"topic_id": "t", "topic": "t", "subtopics": [subtopic]}
    path.write_text(json.dumps({**value, "documents": [{"document_id": "d", "document_text": "x"}]}))
    return path


def label(id_: str, coverage: str, bullet: Any) -> dict[str, Any]:
    return {"insight_id": id_, "coverage": coverage, "bullet_id": bullet}


async def test_recorded_labels_are_found_by_lines_and_insight(tmp_path: Path) -> None:
    path = topic(tmp_path / "t.json", a=[label("i", "PARTIAL_COVERAGE", 1), label("j", "NO_COVERAGE", 1)])
    judge = RecordedJudge((path,))
    sought = [insight("x", "j"), insight("x", "i"), insight("x", "k")]
    found = await judge.cover(["one [1]"], sought, sampling=GREEDY)
    assert [(one.coverage, one.bullet, one.outcome) for one in found] == [
        (0, None, "ok"), (0.5, 1, "ok"), (None, None, "unparsed"),
    ]  # fmt: skip
    assert "no label of it in t.json" in found[2].reason
    [other] = await judge.cover(["one [1] "], sought[:1], sampling=GREEDY)
    assert other.outcome is Outcome.UNPARSED


def test_systems_of_one_text_may_agree_and_may_not_differ(tmp_path: Path) -> None:
    same = [label("i", "PARTIAL_COVERAGE", 1)]
    assert len(RecordedJudge((topic(tmp_path / "t.json", a=same, b=same),)).labels) == 1
    two = RecordedJudge((topic(tmp_path / "u.json", a=same, b=[label("i", "FULL_COVERAGE", 1)]),))
    with pytest.raises(DataError, match="insight 'i' has two labels"):
        two.fingerprint()
    one = RecordedJudge((topic(tmp_path / "v.json", a=same),))
    assert one.fingerprint() != RecordedJudge((topic(tmp_path / "w.json", c=same),)).fingerprint()
