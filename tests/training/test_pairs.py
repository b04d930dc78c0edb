from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.training.pairs import (
    Pair,
    Rule,
    Scored,
    Source,
    count_sources,
    in_place,
    loops,
    pairs_of,
    row_of,
    shuffled,
    without_length_slope,
)

LOOP = "so it goes on " * 6
SOURCES: tuple[Source, Source] = ("student", "teacher")


def two(first: Source, one: float | None, second: Source, other: float | None) -> list[tuple[int, int]]:
    answers = [Scored("one", first, one), Scored("other", second, other)]
    return [(pair.chosen, pair.rejected) for pair in pairs_of(answers)]


# Better answer's source, worse one's -> the (better, worse) points that make a pair, written out by hand.
STUDENT_WINS = {(5, 0), (5, 1), (5, 2), (5, 3), (5, 4), (6, 0), (6, 1), (6, 2), (6, 3), (6, 4), (6, 5)}
TEACHER_WINS = {(5, 0), (5, 1), (5, 2), (5, 3), (6, 0), (6, 1), (6, 2), (6, 3), (6, 4)}
TRUTH = {
    ("student", "student"): STUDENT_WINS,
    ("student", "teacher"): STUDENT_WINS,
    ("teacher", "student"): TEACHER_WINS,
    ("teacher", "teacher"): set[tuple[int, int]](),
}


@pytest.mark.parametrize("first", SOURCES)
@pytest.mark.parametrize("second", SOURCES)
def test_the_rules_truth_table(first: Source, second: Source) -> None:
    """Every pair of points from 0 to 6, unreadable ones too, by every pair of sources: 256 cases."""
    for one, other in itertools.product([None, *range(7)], repeat=2):
        expected: list[tuple[int, int]] = []
        if one is not None and other is not None:
            expected += [(0, 1)] if (one, other) in TRUTH[first, second] else []
            expected += [(1, 0)] if (other, one) in TRUTH[second, first] else []
        assert two(first, one, second, other) == expected, (one, other)


def test_all_pairs_of_a_prompt_and_their_kinds() -> None:
    answers = [
        Scored("gold", "teacher", 6),
        Scored("a", "student", 5),
        Scored("b", "student", 4),
        Scored("c", "student", 4),
        Scored("d", "student", None),
    ]
    found = pairs_of(answers)
    assert found == [Pair(0, 2, 2), Pair(0, 3, 2), Pair(1, 2, 1), Pair(1, 3, 1)]
    rows = [row_of("q", answers, pair) for pair in found]
    assert count_sources(rows) == {"teacher>student": 2, "student>student": 2}
    assert rows[0] == {
        **{"prompt": "q", "chosen": "gold", "rejected": "b", "margin": 2, "score_chosen": 6, "score_rejected": 4},
        **{"source_chosen": "teacher", "source_rejected": "student"},
    }
    talk = [{"role": "user", "content": "q"}]
    assert row_of(talk, answers, found[0])["chosen"] == [{"role": "assistant", "content": "gold"}]


def test_an_answer_that_repeats_itself_is_only_ever_the_worse_one() -> None:
    answers = [Scored(LOOP, "student", 6), Scored("fine", "student", 5), Scored(LOOP + "!", "student", 2)]
    assert pairs_of(answers) == [Pair(1, 2, 3)]


def test_equal_texts_are_no_pair() -> None:
    assert pairs_of([Scored("a", "student", 6), Scored(" a\n", "student", 1)]) == []


def test_teacher_wins_alone_and_other_margins() -> None:
    answers = [Scored("gold", "teacher", 5), Scored("a", "student", 6), Scored("b", "student", 1)]
    assert [(one.chosen, one.rejected) for one in pairs_of(answers, Rule(student_wins=False))] == [(0, 2)]
    assert [(one.chosen, one.rejected) for one in pairs_of(answers, Rule(least=6, student_margin=2))] == [(1, 2)]
    with pytest.raises(UsageError, match="above 0"):
        Rule(student_margin=0.0)
    with pytest.raises(UsageError, match="above 0"):
        Rule(teacher_margin=-1.0)


scores = st.none() | st.integers(0, 6).map(float)


@given(st.lists(st.tuples(st.sampled_from(SOURCES), scores), max_size=7))
def test_no_pair_is_a_tie_or_goes_both_ways(drawn: list[tuple[Source, float | None]]) -> None:
    found = pairs_of([Scored(str(at), source, score) for at, (source, score) in enumerate(drawn)])
    ways = {(one.chosen, one.rejected) for one in found}
    assert all(one.margin > 0 for one in found)
    assert not ways & {(second, first) for first, second in ways}
    assert len(ways) == len(found)


@pytest.mark.parametrize(
    "text",
    [
        LOOP,
        "ha " * 16,
        "Here it is.\n" + "1. The same line of the list.\n" * 4,
        "The same.  the SAME, " * 8,
        "好" * 16,
        "我不知道。" * 4,
        " ".join(f"w{n % 32}" for n in range(128)),
    ],
)
def test_loops(text: str) -> None:
    assert loops(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no no no no",
        "ha " * 15,
        "-" * 200,
        "| --- | --- |\n" * 20,
        " ".join(f"w{n % 32}" for n in range(127)),
        " ".join(f"w{n % 33}" for n in range(200)),
        "row, row, row your boat, gently down the stream; merrily, merrily, merrily, merrily, life is but a dream",
        "\n".join(f"{n}. The line of the list number {n} says {n * 7}." for n in range(40)),
    ],
)
def test_no_loops(text: str) -> None:
    assert not loops(text)


@given(st.integers(1, 12), st.integers(0, 5), st.text(max_size=5))
def test_orders_are_shuffled_and_found_again(count: int, seed: int, key: str) -> None:
    order = shuffled(count, seed=seed, key=key)
    assert sorted(order) == list(range(count))
    assert order == shuffled(count, seed=seed, key=key)
    assert in_place(order, [float(answer) for answer in order]) == [float(answer) for answer in range(count)]


def test_every_place_is_as_likely() -> None:
    first = [shuffled(6, seed=1, key=str(n))[0] for n in range(3_000)]
    assert all(first.count(answer) == pytest.approx(500, rel=0.2) for answer in range(6))
    with pytest.raises(UsageError, match="2 scores for 3 answers"):
        in_place([0, 1, 2], [1.0, 2.0])


def test_a_length_slope_is_taken_out_and_nothing_else() -> None:
    quality = [[1.0, 2.0, 3.0], [2.0, 2.0]]
    lengths = [[10.0, 30.0, 10.0], [5.0, 15.0]]
    plain, slope = without_length_slope(quality, lengths)
    assert slope == pytest.approx(0.0)
    assert plain == [pytest.approx(one) for one in quality]
    biased = [[q + 0.1 * n for q, n in zip(*one, strict=True)] for one in zip(quality, lengths, strict=True)]
    found, slope = without_length_slope(biased, lengths)
    assert slope == pytest.approx(0.1)
    for mine, true, sizes in zip(found, quality, lengths, strict=True):
        shift = 0.1 * sum(sizes) / len(sizes)
        assert [float(one or 0) - shift for one in mine] == pytest.approx(true)


@given(
    st.lists(
        st.lists(st.tuples(st.none() | st.integers(0, 60).map(float), st.integers(1, 400).map(float)), max_size=6),
        max_size=6,
    )
)
def test_without_a_slope_length_explains_nothing_more(prompts: list[list[tuple[float | None, float]]]) -> None:
    points = [[score for score, _ in one] for one in prompts]
    sizes = [[size for _, size in one] for one in prompts]
    found, _ = without_length_slope(points, sizes)
    assert without_length_slope(found, sizes)[1] == pytest.approx(0.0, abs=1e-9)
    for mine, before in zip(found, points, strict=True):
        assert [one is None for one in mine] == [one is None for one in before]
        kept = [one for one in mine if one is not None]
        assert sum(kept) == pytest.approx(sum(one for one in before if one is not None), abs=1e-6)


def test_a_prompts_own_level_is_no_bias() -> None:
    """Prompts that want long answers and get high scores: the slope within prompts is 0."""
    assert without_length_slope([[1.0, 1.0], [6.0, 6.0]], [[10.0, 20.0], [300.0, 310.0]])[1] == 0
    with pytest.raises(UsageError, match="a length for each"):
        without_length_slope([[1.0]], [[1.0, 2.0]])
