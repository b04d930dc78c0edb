"""The space that safety tests are drawn from: axes, their values, and the combinations that make no sense.

    axes = read_axes("axes.toml")            # or DEFAULT_AXES: 14 categories x 6 styles x 5 techniques
    axes.allowed({"category": "self_harm", "style": "slang", "technique": "logical_appeal"})

The default axes are those of ASTRAL (Ugarte et al., arXiv 2501.17132): the categories are BeaverTails', styles and
persuasion techniques SORRY-Bench's. They are labels; no prompt and no example comes with them.

A file of one's own, TOML or JSON of the same shape:

    exclude = [{ style = ["misspellings"], technique = ["expert_endorsement"] }]    # all of these at once
    [axes]
    category = ["privacy_violation", "self_harm"]
    style = ["slang", "question"]
    [weights.category]
    self_harm = 2
    [describe.style]
    question = "a question and nothing else"

`describe` says in your words what a value of yours means, to whoever writes tests for it; what is said of none stands
for itself. Not covered: numbers as values (write them as text), and constraints beyond forbidden combinations.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from dikast.disk import refused
from dikast.errors import DataError, UsageError

Cell = Mapping[str, str]
"""Axis -> value. A test's cell names every axis; a tuple of a coverage criterion names some of them."""

Values = Mapping[str, tuple[str, ...]]

PARTS = ("axes", "exclude", "weights", "describe")
LONGEST_DESCRIPTION = 500
"""Characters: a sentence or three, in a prompt beside others."""


@dataclass(frozen=True, slots=True)
class Axes:
    """Axes in the order in which cells name them.

    Args:
        values: Axis -> its values.
        exclude: Forbidden combinations. A cell is forbidden by one if, for every axis that it names, the cell's value
            is among those listed.
        weights: Axis -> value -> weight above 0; 1 where nothing is said. Weights decide free choices and where a
            budget beyond the needed tests goes, never what has to be covered.

        describe: Axis -> value -> what it means, for who writes tests.

    Raises:
        UsageError: No axis, an axis without values, a value twice, or a name in `exclude`, `weights` or `describe` that
            is none; a description that is empty, long, or that of another value of its axis.
    """

    values: Values
    exclude: tuple[Values, ...] = ()
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    describe: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])

    def __post_init__(self) -> None:
        _check(self)

    def allowed(self, cell: Cell) -> bool:
        """Whether no exclusion forbids the cell, or what is given of it.

        Raises:
            UsageError: The cell names an axis or a value that there is not.
        """
        for axis, value in cell.items():
            if value not in self.values.get(axis, ()):
                raise UsageError(f"{axis}={value!r} is not on the axes", hint=_known(self.values, axis))
        return not any(all(cell.get(axis) in values for axis, values in rule.items()) for rule in self.exclude)

    def weight(self, axis: str, value: str) -> float:
        """The value's weight, 1 where nothing is said."""
        return self.weights.get(axis, {}).get(value, 1.0)

    def as_json(self) -> dict[str, Any]:
        """What `read_axes` reads, without the parts that are empty."""
        parts: dict[str, Any] = {"axes": {axis: list(values) for axis, values in self.values.items()}}
        if self.exclude:
            parts["exclude"] = [{axis: list(values) for axis, values in rule.items()} for rule in self.exclude]
        if self.weights:
            parts["weights"] = {axis: dict(weights) for axis, weights in self.weights.items()}
        if self.describe:
            parts["describe"] = {axis: dict(told) for axis, told in self.describe.items()}
        return parts


def read_axes(path: str | Path) -> Axes:
    """Axes out of a `.toml` or `.json` file.

    Raises:
        DataError: The file cannot be read, has another part than `PARTS`, or says something
            that cannot be; names the file and the key.
    """
    path = Path(path)
    parts = _loaded(path)
    unknown = sorted(parts.keys() - set(PARTS))
    if unknown:
        raise DataError("not a part of axes", path=path, field=unknown[0], hint=f"use {', '.join(PARTS)}")
    if "axes" not in parts:
        raise DataError("missing", path=path, field="axes", hint="say axes.NAME = [values]")
    exclude = parts.get("exclude", [])
    if not isinstance(exclude, list):
        raise DataError("not a list of tables", path=path, field="exclude", hint="write [[exclude]] for each")
    rules = cast(list[object], exclude)
    values = _lists(path, "axes", parts["axes"])
    combinations = tuple(_lists(path, f"exclude[{i}]", rule) for i, rule in enumerate(rules))
    weights = {axis: _numbers(path, f"weights.{axis}", w) for axis, w in _table(path, "weights", parts).items()}
    described = {axis: _texts(path, f"describe.{axis}", w) for axis, w in _table(path, "describe", parts).items()}
    try:
        return Axes(values, combinations, weights, described)
    except UsageError as error:
        raise DataError(error.message, path=path, hint=error.hint) from error


def _loaded(path: Path) -> Mapping[str, object]:
    if path.suffix.lower() not in (".toml", ".json"):
        raise DataError(f"cannot read {path.suffix or 'a file without suffix'!r}", path=path, hint="use .toml or .json")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        value: object = tomllib.loads(text) if path.suffix.lower() == ".toml" else _json(text)
    except OSError as error:
        raise refused(error, path) from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, JSONDecodeError and UnicodeDecodeError are these
        raise DataError(f"cannot be read: {error}", path=path, hint="save it as UTF-8 TOML or JSON") from error
    return _object(path, "the file", value)


def _json(text: str) -> object:
    """JSON, in which no name may stand twice, as in TOML: json.loads would take the last."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice!r} stands there twice")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=once)


def _table(path: Path, key: str, parts: Mapping[str, object]) -> Mapping[str, object]:
    return _object(path, key, parts.get(key, {}))


def _object(path: Path, key: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise DataError(f"not a table: {value!r:.60}", path=path, field=key)
    return cast(dict[str, object], value)


def _lists(path: Path, key: str, value: object) -> dict[str, tuple[str, ...]]:
    return {axis: _strings(path, f"{key}.{axis}", values) for axis, values in _object(path, key, value).items()}


def _strings(path: Path, key: str, value: object) -> tuple[str, ...]:
    items = cast(list[object], value if isinstance(value, list) else [value])
    if not all(isinstance(item, str) for item in items):
        raise DataError(f"not text, or a list of it: {value!r:.60}", path=path, field=key, hint="put it in quotes")
    return tuple(cast(list[str], items))


def _texts(path: Path, key: str, value: object) -> dict[str, str]:
    for name, text in _object(path, key, value).items():
        if not isinstance(text, str):
            raise DataError(f"not text: {text!r:.60}", path=path, field=f"{key}.{name}", hint="put it in quotes")
    return {name: str(text).strip() for name, text in cast(dict[str, object], value).items()}


def _numbers(path: Path, key: str, value: object) -> dict[str, float]:
    for name, number in _object(path, key, value).items():
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise DataError(f"not a number: {number!r:.60}", path=path, field=f"{key}.{name}")
    return {name: float(cast(float, number)) for name, number in cast(dict[str, object], value).items()}


def _check(axes: Axes) -> None:
    if not axes.values:
        raise UsageError("no axis", hint="name at least one axis with its values")
    for axis, values in axes.values.items():
        if not axis or not values or len(set(values)) < len(values) or "" in values:
            raise UsageError(
                f"axis {axis!r}: {list(values)!r:.80}", hint="give it values, each of them once, none empty"
            )
    for i, rule in enumerate(axes.exclude):
        if not rule or not all(rule.values()):
            raise UsageError(f"exclude[{i}] names no combination", hint="name one axis or more, each with values")
        for axis, values in rule.items():
            _check_names(axes, f"exclude[{i}]", axis, values)
    for axis, weights in axes.weights.items():
        _check_names(axes, "weights", axis, weights)
        for value, weight in weights.items():
            if not 0 < weight < math.inf:
                raise UsageError(
                    f"weights.{axis}.{value} = {weight}", hint="a weight is above 0; exclude what is not wanted"
                )
    _check_descriptions(axes)


def _check_descriptions(axes: Axes) -> None:
    for axis, told in axes.describe.items():
        _check_names(axes, "describe", axis, told)
        said: dict[str, str] = {}
        for value, text in told.items():
            if not text.strip() or len(text) > LONGEST_DESCRIPTION:
                hint = f"say in 1 to {LONGEST_DESCRIPTION} characters what it means, or leave it out"
                raise UsageError(f"describe.{axis}.{value}: {len(text)} characters", hint=hint)
            other = said.setdefault(" ".join(text.lower().split()), value)
            if other != value:
                raise UsageError(f"describe.{axis}: {other!r} and {value!r} mean the same", hint="make them one value")


def _check_names(axes: Axes, where: str, axis: str, values: tuple[str, ...] | Mapping[str, object]) -> None:
    for value in values:
        if value not in axes.values.get(axis, ()):
            raise UsageError(f"{where}: {axis}={value!r} is not on the axes", hint=_known(axes.values, axis))
    if axis not in axes.values:
        raise UsageError(f"{where}: {axis!r} is not an axis", hint=_known(axes.values, axis))


def _known(values: Values, axis: str) -> str:
    known = values.get(axis)
    return f"axis {axis!r} has {', '.join(known)}" if known else f"the axes are {', '.join(values)}"


CATEGORIES = (
    "animal_abuse",
    "child_abuse",
    "controversial_topics,politics",
    "discrimination,stereotype,injustice",
    "drug_abuse,weapons,banned_substance",
    "financial_crime,property_crime,theft",
    "hate_speech,offensive_language",
    "misinformation_regarding_ethics,laws_and_safety",
    "non_violent_unethical_behavior",
    "privacy_violation",
    "self_harm",
    "sexually_explicit,adult_content",
    "terrorism,organized_crime",
    "violence,aiding_and_abetting,incitement",
)
STYLES = ("slang", "uncommon_dialects", "technical_terms", "role_play", "misspellings", "question")
TECHNIQUES = (
    "evidence-based_persuasion",
    "expert_endorsement",
    "misrepresentation",
    "authority_endorsement",
    "logical_appeal",
)

DEFAULT_AXES = Axes({"category": CATEGORIES, "style": STYLES, "technique": TECHNIQUES})
