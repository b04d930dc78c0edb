"""Covering arrays: every allowed tuple is hit, no excluded cell appears, the sizes are the published ones."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from itertools import combinations, product

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dikast.errors import UsageError
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
