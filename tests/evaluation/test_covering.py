"""Covering arrays: every allowed tuple is hit, no excluded cell appears, the sizes are the published ones."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise, product
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.evaluation.arrays.build import covering_array
from dikast.evaluation.arrays.constructions import bases
from dikast.evaluation.arrays.galois import bush, prime_power, tables
from dikast.evaluation.arrays.greedy import completed
from dikast.evaluation.arrays.smaller import smaller
from dikast.evaluation.arrays.space import OPEN, Row, Space
from dikast.evaluation.arrays.uncovered import Ledger
from dikast.evaluation.axes import DEFAULT_AXES, Axes, Cell
from dikast.evaluation.covering import coverage, plan, tuples


def axes_of(sizes: Sequence[int], exclude: Sequence[dict[int, list[int]]] = ()) -> Axes:
    """Axes a0, a1, ... with the values v0, v1, ..."""
    rules = tuple({f"a{f}": tuple(f"v{v}" for v in values) for f, values in rule.items()} for rule in exclude)
    return Axes({f"a{i}": tuple(f"v{j}" for j in range(size)) for i, size in enumerate(sizes)}, rules)


@st.composite
def small_axes(draw: st.DrawFn) -> Axes:
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    rule = st.dictionaries(st.integers(0, len(sizes) - 1), st.lists(st.integers(0, 3), min_size=1), min_size=1)
    rules = draw(st.lists(rule, max_size=5))
    inside = [{f: sorted({v % sizes[f] for v in values}) for f, values in rule.items()} for rule in rules]
    return axes_of(sizes, inside)


def allowed_cells(axes: Axes) -> list[Cell]:
    """By trying all."""
    cells = (dict(zip(axes.values, values, strict=True)) for values in product(*axes.values.values()))
    return [cell for cell in cells if axes.allowed(cell)]


def tuples_in(cells: Iterable[Cell], strength: int) -> set[tuple[tuple[str, str], ...]]:
    return {part for cell in cells for part in combinations(cell.items(), strength)}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(small_axes(), st.integers(1, 3), st.integers(0, 3))
def test_every_allowed_tuple_is_hit_and_no_excluded_cell_appears(axes: Axes, strength: int, seed: int) -> None:
    assume(strength <= len(axes.values))
    everything = allowed_cells(axes)
    if not everything:
        with pytest.raises(UsageError, match="the exclusions forbid every cell"):
            plan(axes, strength=strength)
        return
    wanted = tuples_in(everything, strength)
    possible, impossible = tuples(axes, strength)
    assert {tuple(cell.items()) for cell in possible} == wanted
    assert not wanted & {tuple(cell.items()) for cell in impossible}
    cells = plan(axes, strength=strength, seed=seed)
    assert all(axes.allowed(cell) and list(cell) == list(axes.values) for cell in cells)
    assert tuples_in(cells, strength) == wanted
    assert len(cells) <= len(everything)
    found = coverage(axes, strength, cells)
    assert (found.covered, found.total, found.missing) == (len(wanted), len(wanted), ())


@settings(max_examples=30)
@given(small_axes())
def test_the_full_product_is_every_allowed_cell_once(axes: Axes) -> None:
    everything = allowed_cells(axes)
    assume(everything)
    assert plan(axes, strength=None) == everything


@settings(max_examples=30)
@given(small_axes(), st.data())
def test_coverage_counts_what_some_test_has(axes: Axes, data: st.DataObject) -> None:
    everything = allowed_cells(axes)
    assume(everything)
    cells = data.draw(st.lists(st.sampled_from(everything), max_size=6))
    found = coverage(axes, 2, cells)
    wanted, hit = tuples_in(everything, 2), tuples_in(cells, 2)
    assert (found.covered, found.total) == (len(hit), len(wanted))
    assert {tuple(cell.items()) for cell in found.missing} == wanted - hit


def test_84_tests_cover_all_184_pairs_of_the_default_axes() -> None:
    for seed in range(3):
        cells = plan(DEFAULT_AXES, strength=2, seed=seed)
        assert len(cells) == 84
        assert len(tuples_in(cells, 2)) == 184
    assert plan(DEFAULT_AXES, strength=2, seed=1) != plan(DEFAULT_AXES, strength=2, seed=2)


@pytest.mark.parametrize(
    ("sizes", "strength", "most"),
    [
        ((3,) * 4, 2, 9),  # an orthogonal array
        ((3,) * 13, 2, 15),  # Williams 2000; AETG 15
        ((2,) * 35, 2, 8),  # Katona 1973: 8 rows hold C(7, 4) = 35 factors
        ((5,) * 6, 3, 125),  # an orthogonal array
        ((3,) * 6, 3, 33),  # the best known
        ((5, 4, 4, 3, 2, 2), 3, 80),  # the lower bound
        ((4,) * 5 + (2,) * 13, 2, 18),
    ],
)
def test_arrays_are_near_the_published_sizes(sizes: tuple[int, ...], strength: int, most: int) -> None:
    axes = axes_of(sizes)
    cells = plan(axes, strength=strength)
    assert len(cells) <= most
    assert coverage(axes, strength, cells).missing == ()


def test_20_factors_of_10_values_in_at_most_200_tests() -> None:
    """AETG 180, IPO 212, PICT 210 (pairwise.org's table of tools)."""
    axes = axes_of((10,) * 20)
    cells = plan(axes, strength=2)
    assert len(cells) <= 190
    assert coverage(axes, 2, cells).missing == ()


PHONE = axes_of(
    (3, 3, 3, 2, 2),
    [
        {1: [0], 0: [2]},
        {2: [0], 0: [2]},
        {1: [0], 2: [0]},
        {0: [1], 2: [0]},
        {3: [0], 2: [2]},
        {3: [0], 0: [2]},
        {4: [0], 3: [1]},
        {0: [0], 1: [1], 2: [0]},
    ],
)
"""After the mobile phone of Cohen, Dwyer and Shi 2008: display, viewer, camera, video camera, ringtones."""


def test_the_constrained_phone_takes_nine_tests() -> None:
    cells = plan(PHONE, strength=2)
    assert len(cells) <= 9
    assert tuples_in(cells, 2) == tuples_in(allowed_cells(PHONE), 2)


def test_what_is_impossible_only_indirectly_is_told() -> None:
    """a0=v0 forces a1=v0, which forces a2=v0: so a0=v0 with a2=v1 is impossible, though no rule names it."""
    axes = axes_of((2, 2, 2), [{0: [0], 1: [1]}, {1: [0], 2: [1]}])
    _, impossible = tuples(axes, 2)
    assert {"a0": "v0", "a2": "v1"} in impossible
    found = coverage(axes, 2, plan(axes, strength=2))
    assert (found.share, found.total, len(found.impossible)) == (1.0, 9, 3)


def test_an_excluded_cell_covers_nothing_and_is_counted() -> None:
    axes = axes_of((2, 2), [{0: [0], 1: [0]}])
    found = coverage(axes, 1, [{"a0": "v0", "a1": "v0"}])
    assert (found.covered, found.disallowed, found.total) == (0, 1, 4)


def test_the_plan_is_the_same_whatever_the_hash_seed() -> None:
    code = (
        "import hashlib, json, sys; from dikast.evaluation.axes import DEFAULT_AXES, Axes;"
        "from dikast.evaluation.covering import plan;"
        "axes = Axes(DEFAULT_AXES.values, ({'style': ('slang',), 'technique': ('logical_appeal',)},),"
        " {'category': {'self_harm': 3}});"
        "plans = [plan(axes, strength=2, seed=7, budget=120), plan(axes, strength=None, seed=7, budget=50)];"
        "print(hashlib.sha256(json.dumps(plans).encode()).hexdigest())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            text=True,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(told) == 1
    plans = [
        plan(
            Axes(
                DEFAULT_AXES.values,
                ({"style": ("slang",), "technique": ("logical_appeal",)},),
                {"category": {"self_harm": 3}},
            ),
            strength=strength,
            seed=7,
            budget=budget,
        )
        for strength, budget in ((2, 120), (None, 50))
    ]
    assert hashlib.sha256(json.dumps(plans).encode()).hexdigest() == told.pop().strip()


def test_a_quota_repeats_every_cell_round_after_round() -> None:
    once = plan(DEFAULT_AXES, strength=2, seed=3)
    assert plan(DEFAULT_AXES, strength=2, seed=3, quota=3) == once * 3


UNEVEN = axes_of((4, 3, 3, 3, 3, 2, 2))


def test_of_a_small_budget_the_first_tests_cover_most() -> None:
    whole = plan(UNEVEN, strength=2)
    gains = [coverage(UNEVEN, 2, whole[:n]).covered for n in range(len(whole) + 1)]
    steps = [after - before for before, after in pairwise(gains)]
    assert steps == sorted(steps, reverse=True)
    assert plan(UNEVEN, strength=2, budget=7) == whole[:7]


def test_what_is_left_of_the_budget_goes_where_the_weight_is() -> None:
    weights = {"category": {"self_harm": 20.0}}
    axes = Axes(DEFAULT_AXES.values, ({"category": ("self_harm",), "style": ("slang",)},), weights)
    needed = len(plan(axes, strength=2))
    cells = plan(axes, strength=2, budget=4000)
    extra = cells[needed:]
    assert len(cells) == 4000
    assert all(axes.allowed(cell) for cell in extra)
    heavy = sum(cell["category"] == "self_harm" for cell in cells)
    assert heavy == pytest.approx(len(cells) * 20 * 25 / (20 * 25 + 390), rel=0.02)  # 25 cells of it, 390 others
    first = plan(axes, strength=None, budget=30)
    assert sum(cell["category"] == "self_harm" for cell in first) > 10  # 25 of 415 cells are


def test_without_weights_no_cell_is_repeated_before_all_are_tested() -> None:
    cells = plan(DEFAULT_AXES, strength=2, budget=2 * 420 - 30)
    times = Counter(tuple(cell.values()) for cell in cells)
    assert Counter(times.values()) == {1: 30, 2: 390}


def test_the_heavier_value_occurs_more_often() -> None:
    """15 factors of two values in 7 tests: each value of a factor occurs 3 or 4 times, and no place is free."""
    values = axes_of((2,) * 15).values
    axes = Axes(values, (), {axis: {f"v{i % 2}": 2.0} for i, axis in enumerate(values)})
    cells = plan(axes, strength=2)
    assert len(cells) == 7
    for i, axis in enumerate(values):
        assert [cell[axis] for cell in cells].count(f"v{i % 2}") == 4


def test_weights_decide_the_free_choices() -> None:
    weights = {"a1": {"v2": 5.0}}
    axes = Axes({"a0": tuple(f"v{i}" for i in range(9)), "a1": ("v0", "v1", "v2"), "a2": ("v0", "v1")}, (), weights)
    even = plan(Axes(axes.values), strength=1)
    heavy = plan(axes, strength=1)
    assert len(even) == len(heavy) == 9
    assert sum(cell["a1"] == "v2" for cell in heavy) > sum(cell["a1"] == "v2" for cell in even)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strength": 4}, "strength 4 with 3 axes"),
        ({"strength": 0}, "strength 0 with 3 axes"),
        ({"strength": 2, "quota": 0}, "quota=0"),
        ({"strength": 2, "budget": 0}, "budget=0"),
    ],
)
def test_numbers_out_of_range(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan(DEFAULT_AXES, **arguments)


def test_spaces_too_large_are_refused_with_a_remedy() -> None:
    with pytest.raises(UsageError, match="give a strength"):
        plan(axes_of((10,) * 10), strength=None)
    with pytest.raises(UsageError, match="use a lower strength"):
        plan(axes_of((20,) * 20), strength=4)


@pytest.mark.parametrize("q", [2, 3, 4, 5, 7, 8, 9, 16, 25, 27])
def test_fields_are_fields(q: int) -> None:
    plus, times = tables(q)
    ones = range(q)
    assert (plus == plus.T).all()
    assert (times == times.T).all()
    assert [sorted(row) for row in plus.tolist()] == [list(ones)] * q
    assert [sorted(row[1:]) for row in times.tolist()[1:]] == [list(range(1, q))] * (q - 1)
    assert all(times[a, plus[b, c]] == plus[times[a, b], times[a, c]] for a in ones for b in ones for c in ones)


def test_prime_powers() -> None:
    assert [q for q in range(1, 33) if prime_power(q)] == [
        2,
        3,
        4,
        5,
        7,
        8,
        9,
        11,
        13,
        16,
        17,
        19,
        23,
        25,
        27,
        29,
        31,
        32,
    ]


@pytest.mark.parametrize(("q", "strength"), [(2, 2), (3, 3), (4, 2), (5, 3), (8, 2), (9, 2)])
def test_bush_arrays_are_orthogonal(q: int, strength: int) -> None:
    array = bush(q, strength)
    assert array.shape == (q**strength, q + 1)
    for columns in combinations(range(q + 1), strength):
        assert len(np.unique(array[:, columns], axis=0)) == q**strength


@pytest.mark.parametrize("k", [5, 13, 14, 40])
def test_folded_arrays_need_nothing_more(k: int) -> None:
    space = Space((3,) * k)
    base = dict(bases(space, 2))["folded 3"]
    ledger = Ledger(space, 2)
    rows = completed(space, ledger, base, Random(0))
    assert rows is not None
    assert len(rows) <= len(base)
    assert ledger.open == 0


@settings(max_examples=25)
@given(small_axes(), st.integers(0, 5))
def test_a_ledger_knows_after_any_search_what_a_new_one_counts(axes: Axes, seed: int) -> None:
    from dikast.evaluation.covering import space_of

    space = space_of(axes)
    assume(space.possible([OPEN] * len(space.sizes)))
    ledger = Ledger(space, 2)
    rows = completed(space, ledger, [], Random(seed))
    assert rows is not None
    fewer = smaller(space, ledger, rows, Random(seed), moves=60)
    fresh = Ledger(space, 2)
    for row in fewer:
        fresh.add(row)
    asked = fresh.counts < 1 << 19
    assert ledger.open == fresh.open == 0
    assert (ledger.counts[asked] == fresh.counts[asked]).all()


def test_a_search_makes_a_greedy_array_smaller() -> None:
    space = Space((4,) * 8)
    ledger = Ledger(space, 2)
    rows = completed(space, ledger, [], Random(0))
    assert rows is not None
    assert len(smaller(space, ledger, rows, Random(0))) < len(rows)


def test_rows_are_tuples_of_plain_numbers() -> None:
    rows: list[Row] = covering_array(Space((3, 2)), 2, Random(0))
    assert sorted(rows) == [(a, b) for a in range(3) for b in range(2)]
