from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError
from dikast.jobs.manifest import (
    NAME,
    Attempt,
    Manifest,
    changed_versions,
    differences,
    read_manifest,
    versions,
    write_manifest,
)


def test_differences_say_the_field_as_deep_as_both_have_it() -> None:
    old = {"graph": "g", "context.actor": {"sampling": {"temperature": 0.5}}, "context.n": 1}
    new = {"graph": "g", "context.actor": {"sampling": {"temperature": 0.7}}, "context.n": 2}
    assert differences(old, new) == [("context.actor.sampling.temperature", 0.5, 0.7), ("context.n", 1, 2)]
    assert differences(old, {**old, "more": 1}) == [("more", "(absent)", 1)]
    assert differences({**old, "more": 1}, old) == [("more", 1, "(absent)")]
    assert differences(old, old) == []


def test_a_difference_inside_a_list_is_told_by_its_place() -> None:
    old = {"judges": [{"form": "mark", "asked": ["x", "y"]}]}
    assert differences(old, {"judges": [{"form": "mark", "asked": ["x", "z"]}]}) == [("judges.0.asked.1", "y", "z")]
    assert differences(old, {"judges": []}) == [("judges", old["judges"], [])]


def manifest() -> Manifest:
    return Manifest(graph="g", samples=1, fingerprint={}, attempts=[Attempt(started="2026-01-01T00:00:00+00:00")])


def test_what_is_written_is_read_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest())
    assert read_manifest(tmp_path) == manifest()
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_folder_that_is_not_there_and_one_that_is_no_run_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such run folder"):
        read_manifest(tmp_path / "none")
    with pytest.raises(DataError, match=r"not a run folder: manifest\.json: No such file"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"attempts": []}, "field 'attempts': not a manifest"),
        ({"more": 1}, "field 'more': not a manifest"),
        ({"format": 2}, r"format 2; this dikast reads 1 \(use the dikast it was made by\)"),
    ],
)
def test_a_manifest_of_another_kind_says_what_is_wrong(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    (tmp_path / NAME).write_text(json.dumps(manifest().model_dump() | change), encoding="utf-8")
    with pytest.raises(DataError, match=told):
        read_manifest(tmp_path)


def test_versions_that_changed_came_or_went_are_told() -> None:
    assert changed_versions({"a": "1", "b": "1", "c": "1"}, {"a": "2", "b": "1", "d": "1"}) == (
        "a 1 -> 2, c 1 -> none, d none -> 1"
    )
    assert changed_versions({"a": "1"}, {"a": "1"}) == ""


def test_only_packages_that_are_installed_have_a_version() -> None:
    assert set(versions(("pydantic", "no-such-package"))) == {"python", "pydantic"}
