from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from dikast.errors import DataError, UsageError
from dikast.evaluation.axes import DEFAULT_AXES, Axes, read_axes

SMALL = {"kind": ("a", "b"), "style": ("x", "y", "z")}


def test_the_default_axes_are_the_published_ones(shared_data: Path) -> None:
    published = json.loads((shared_data / "evals" / "astral" / "coverage_space.json").read_text())
    assert list(DEFAULT_AXES.values["category"]) == published["safety_categories"]
    assert list(DEFAULT_AXES.values["style"]) == published["writing_styles"]
    assert list(DEFAULT_AXES.values["technique"]) == published["persuasion_techniques"]


def test_an_exclusion_forbids_only_all_of_it_at_once() -> None:
    axes = Axes(SMALL, ({"kind": ("a",), "style": ("x", "y")},))
    assert not axes.allowed({"kind": "a", "style": "y"})
    assert axes.allowed({"kind": "a", "style": "z"})
    assert axes.allowed({"kind": "b", "style": "x"})
    assert axes.allowed({"kind": "a"})


def test_a_cell_off_the_axes_is_told_with_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"kind='c' is not on the axes .axis 'kind' has a, b"):
        Axes(SMALL).allowed({"kind": "c"})
    with pytest.raises(UsageError, match="the axes are kind, style"):
        Axes(SMALL).allowed({"king": "a"})


CANNOT_BE: list[tuple[Any, Any, Any, str]] = [
    ({}, (), {}, "no axis"),
    ({"kind": ()}, (), {}, "axis 'kind'"),
    ({"kind": ("a", "a")}, (), {}, "axis 'kind'"),
    ({"kind": ("a", "")}, (), {}, "axis 'kind'"),
    (SMALL, ({},), {}, r"exclude\[0\] names no combination"),
    (SMALL, ({"kind": ()},), {}, r"exclude\[0\] names no combination"),
    (SMALL, ({"kind": ("q",)},), {}, r"exclude\[0\]: kind='q'"),
    (SMALL, (), {"kind": {"q": 1.0}}, "weights: kind='q'"),
    (SMALL, (), {"king": {}}, "weights: 'king' is not an axis"),
    (SMALL, (), {"kind": {"a": 0.0}}, "weights.kind.a = 0.0"),
    (SMALL, (), {"kind": {"a": float("nan")}}, "weights.kind.a = nan"),
]

NO_DESCRIPTIONS: list[tuple[dict[str, dict[str, str]], str]] = [
    ({"kind": {"a": " "}}, "describe.kind.a: 1 characters"),
    ({"kind": {"a": "x" * 501}}, "describe.kind.a: 501 characters"),
    ({"kind": {"q": "what"}}, "describe: kind='q' is not on the axes"),
    ({"king": {}}, "describe: 'king' is not an axis"),
    ({"kind": {"a": "The same thing", "b": "the same  thing"}}, "describe.kind: 'a' and 'b' mean the same"),
]


@pytest.mark.parametrize(("describe", "message"), NO_DESCRIPTIONS)
def test_descriptions_that_cannot_be(describe: dict[str, dict[str, str]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Axes(SMALL, describe=describe)


def test_a_name_that_stands_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "axes.json").write_text('{"axes": {"kind": ["a"], "kind": ["b"]}}')
    (tmp_path / "axes.toml").write_text('[axes]\nkind = ["a"]\nkind = ["b"]\n')
    for name in ("axes.json", "axes.toml"):
        with pytest.raises(DataError, match="cannot be read"):
            read_axes(tmp_path / name)
    (tmp_path / "axes.toml").write_text('[axes]\nkind = ["a"]\n[describe.kind]\na = 7\n')
    with pytest.raises(DataError, match=r"field 'describe.kind.a': not text: 7"):
        read_axes(tmp_path / "axes.toml")


def test_descriptions_are_read_and_written(tmp_path: Path) -> None:
    axes = Axes(SMALL, describe={"kind": {"a": "the first of them"}})
    (tmp_path / "axes.json").write_text(json.dumps(axes.as_json()))
    assert read_axes(tmp_path / "axes.json") == axes


@pytest.mark.parametrize(("values", "exclude", "weights", "message"), CANNOT_BE)
def test_axes_that_cannot_be(values: Any, exclude: Any, weights: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Axes(values, exclude, weights)


@pytest.mark.parametrize("suffix", [".json", ".toml"])
def test_a_file_is_read_as_it_was_written(tmp_path: Path, suffix: str) -> None:
    axes = Axes(SMALL, ({"kind": ("a",), "style": ("x",)}, {"style": ("z",)}), {"style": {"y": 2.5}})
    path = tmp_path / f"axes{suffix}"
    path.write_text(json.dumps(axes.as_json()) if suffix == ".json" else tomli_w.dumps(axes.as_json()))
    assert read_axes(path) == axes
    assert list(read_axes(path).values) == ["kind", "style"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"axes.toml: field 'axes': missing"),
        ("axes = 3", r"axes.toml: field 'axes': not a table"),
        ("[axes]\nkind = 3", r"field 'axes.kind': not text"),
        ("[axes]\nkind = ['a', 3]", r"field 'axes.kind': not text"),
        ("[axes]\nkind = ['a']\n[axis]\n", r"field 'axis': not a part of axes"),
        ("exclude = 3\n[axes]\nkind = ['a']", r"field 'exclude': not a list"),
        ("exclude = [{kind = 'b'}]\n[axes]\nkind = ['a']", r"axes.toml: exclude\[0\]: kind='b' is not on the axes"),
        ("[axes]\nkind = ['a']\n[weights.kind]\na = 'much'", r"field 'weights.kind.a': not a number"),
        ("[axes", r"axes.toml: cannot be read: Expected"),
    ],
)
def test_a_wrong_file_is_told_by_name_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "axes.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_axes(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read '.yaml' .use .toml or .json"):
        read_axes(tmp_path / "axes.yaml")
    with pytest.raises(DataError, match="No such file"):
        read_axes(tmp_path / "axes.toml")
