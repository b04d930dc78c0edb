"""What is asked of an index is what a loop over the rows finds."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dikast.jobs.reading import Run
from dikast.viewer.asking import Question, ask, ask_at, find, match_of, reasons_of
from dikast.viewer.index import Index
from tests.viewer.runs import row, write

ROWS = [row(n, "timeout" if n % 5 == 0 else "refused" if n % 7 == 0 else "ok") for n in range(1, 124)]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    home = tmp_path_factory.mktemp("asking")
    made = Index(Run.open(write(home / "x", ROWS)), home=home / "cache")
    made.catch_up(60)
    return made


def numbers(index: Index, question: Question, page_rows: int = 1000) -> list[int]:
    return [line.number for line in ask(index, question, page_rows).rows]


def test_outcomes(index: Index) -> None:
    wanted = [one["row"] for one in ROWS if one["outcome"] in ("timeout", "refused")]
    assert numbers(index, Question(outcomes=("timeout", "refused"))) == wanted
    assert reasons_of(index)[0] == ("timeout", "because of timeout", 24)


@pytest.mark.parametrize("down", [False, True])
def test_sorting_puts_rows_without_a_value_last(index: Index, down: bool) -> None:
    found = ask(index, Question(sort="output.score", down=down), 1000).rows
    scores = [line.cells["output.score"] for line in found]
    known = [one["output"]["score"] for one in ROWS if one["output"]]
    assert scores == [*sorted(known, reverse=down), *[None] * (len(ROWS) - len(known))]


def test_bounds(index: Index) -> None:
    wanted = [one["row"] for one in ROWS if one["output"] and 0.2 <= one["output"]["score"] <= 0.3]
    assert numbers(index, Question(sort="output.score", low=0.2, high=0.3)) == wanted
    assert numbers(index, Question(sort="output.said", low=0.0)) == []  # a text is no number


def test_words_are_found_by_their_beginning_in_any_case(index: Index) -> None:
    assert numbers(index, Question(words="ANSWER12")) == [12, 120, 121, 122, 123]
    assert numbers(index, Question(words="question number 15")) == [15]
    assert numbers(index, Question(words="nowhere")) == []
    assert match_of("  -- ?! ") == ""


@given(words=st.text(max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_search_is_an_error(index: Index, words: str) -> None:
    assert ask(index, Question(words=words)).total <= len(ROWS)


@given(
    said=st.dictionaries(
        st.sampled_from(["outcome", "q", "sort", "down", "low", "high", "page"]),
        st.lists(st.text(max_size=12), max_size=2),
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_address_is_an_error(index: Index, said: dict[str, list[str]]) -> None:
    question = Question.of(said)
    ask(index, question)
    assert Question.of(_parsed(question.address())) == question


def _parsed(address: str) -> dict[str, list[str]]:
    from urllib.parse import parse_qs

    return parse_qs(address, keep_blank_values=True)


def test_pages_and_places(index: Index) -> None:
    seen = [line for page in (1, 2, 3) for line in ask(index, Question(page=page)).rows]
    assert [line.number for line in seen] == [one["row"] for one in ROWS]
    assert [line.at for line in seen] == list(range(len(ROWS)))
    assert ask(index, Question(page=99)).rows == ask(index, Question(page=3)).rows
    third = ask_at(index, Question(sort="seconds", down=True), 2)
    assert third is not None
    assert third.number == 121
    assert ask_at(index, Question(), -1) is None
    assert ask_at(index, Question(), 123) is None


def test_a_row_by_key_and_number(index: Index) -> None:
    line = find(index, ROWS[6]["key"])
    assert line is not None
    assert line == find(index, "7") == find(index, "7/0")
    assert find(index, "7/1") is find(index, "x") is find(index, "0" * 32) is None
