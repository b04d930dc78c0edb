"""Knobs: the numbers and ordered choices of a settings model, as coordinates from 0 to 1.

    knobs = parse_knobs("mixing,damping,solver_temperature=0:1", genqr.Context)
    settings = {knob.name: knob.value(0.5) for knob in knobs}
    context = with_settings(base, knobs, settings)          # validated as if it were made anew

What can be a knob, and how it is written:

| field | knob |
| --- | --- |
| a number with both bounds | `NAME`, or `NAME=LOW:HIGH` within them |
| a number that lacks a bound | `NAME=LOW:HIGH` |
| either, where a factor counts and not a difference | `NAME=LOW:HIGH:log` |
| a choice (`Literal`) | `NAME` in the order of its type, or `NAME=A|B|C` in yours |
| a role's decoding parameter | `ROLE_temperature`; `temperature` if there is but one role |

A whole number's steps and a choice's names share the way from 0 to 1 evenly. `bool`s, texts, lists and actors are
none: between two of them there is nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from dikast.errors import UsageError
from dikast.flags import SamplingOf, marks_of, without_none

M = TypeVar("M", bound=BaseModel)
Kind = Literal["float", "int", "choice"]
Value = float | int | str
"""Of a knob: JSON."""
STEPS = 1000
"""A number is rounded to a thousandth of its range or finer, so that journals are read easily."""
DIGITS = 3
"""Significant digits of a number on a scale of factors."""
OPEN = 0.01
"""How near an open bound (`below 1`) is approached, as a share of the range."""
USUAL: Mapping[str, tuple[float, float]] = {"temperature": (0.0, 1.5)}
"""Decoding parameters whose own bounds are wider than anybody wants."""
SEED = "seed"


@dataclass(frozen=True)
class Knob:
    """A coordinate.

    Args:
        name: The flag's of its field, with underscores.
        path: The field, and within it the part.
        kind: What its values are.
        low: The lowest; of a choice 0.
        high: The highest; of a choice the place of the last.
        log: Whether factors count.
        choices: Of a choice, in order.
    """

    name: str
    path: tuple[str, ...]
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def most(self) -> int | None:
        """How many values it has; `None` for a number that is not whole."""
        return None if self.kind == "float" else int(self.high - self.low) + 1

    def value(self, place: float) -> Value:
        """The value at a place from 0 to 1."""
        place = min(1.0, max(0.0, place))
        if self.log:
            number = self.low * (self.high / self.low) ** place
            return min(int(self.high), max(int(self.low), round(number))) if self.kind == "int" else self._near(number)
        if self.kind == "float":
            return self._near(self.low + place * (self.high - self.low))
        count = int(self.high - self.low) + 1
        step = min(count - 1, int(place * count))
        return self.choices[step] if self.kind == "choice" else int(self.low) + step

    def _near(self, number: float) -> float:
        """The number, rounded to what anybody can tell apart."""
        if self.log:
            digits = DIGITS - 1 - math.floor(math.log10(number))
        else:
            digits = -math.floor(math.log10((self.high - self.low) / STEPS))
        return min(self.high, max(self.low, round(number, digits)))

    def place(self, value: Any) -> float:
        """Where a value lies; one beyond the range at its end.

        Raises:
            UsageError: It is none of the choices, or no number.
        """
        if self.kind == "choice":
            if value not in self.choices:
                hint = "name it among the choices, or begin elsewhere"
                raise UsageError(f"knob {self.name}: it stands at {value!r}, which is no choice of it", hint=hint)
            return (self.choices.index(value) + 0.5) / len(self.choices)
        if not isinstance(value, int | float):
            raise UsageError(f"knob {self.name}: it stands at {value!r}, which is no number", hint="give it one first")
        value = min(self.high, max(self.low, value))
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        if self.kind == "int":
            return (value - self.low + 0.5) / (self.high - self.low + 1)
        return (value - self.low) / (self.high - self.low)

    def levels(self, count: int) -> list[float]:
        """Places of a grid: as many, evenly, the ends among them; one is in the middle."""
        if self.kind != "float" and not self.log:
            whole = int(self.high - self.low) + 1
            if count == 1:
                return [0.5]
            return [(round(step * (whole - 1) / (count - 1)) + 0.5) / whole for step in range(count)]
        return [0.5] if count == 1 else [step / (count - 1) for step in range(count)]

    def told(self) -> str:
        """Its range, for people."""
        if self.kind == "choice":
            return " < ".join(map(str, self.choices))
        return f"{self.low:g} to {self.high:g}" + (", by factors" if self.log else "")


def parse_knobs(text: str, model: type[BaseModel]) -> tuple[Knob, ...]:
    """The knobs of a comma-separated list.

    Raises:
        UsageError: One is not there, is none, has no range, or stands there twice.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    found = tuple(parse_knob(part, model) for part in parts)
    if not found:
        raise UsageError("no knob is named", hint=f"some of {', '.join(names_of(model))}")
    twin = next((one.name for at, one in enumerate(found) if one.path in [two.path for two in found[:at]]), None)
    if twin is not None:
        raise UsageError(f"knob {twin} stands there twice")
    return found


def parse_knob(text: str, model: type[BaseModel]) -> Knob:
    """One knob: `NAME`, `NAME=LOW:HIGH`, `NAME=LOW:HIGH:log`, `NAME=A|B|C`.

    Raises:
        UsageError: As for `parse_knobs`.
    """
    written, _, given = text.partition("=")
    name, path, info = find_field(written.strip().replace("-", "_"), model)
    base, _ = without_none(info.annotation)
    if get_origin(base) is Literal:
        return choice_knob(name, path, get_args(base), given)
    if base not in (int, float):
        told = "yes or no" if base is bool else "no number and no choice"
        hint = (
            "run both and compare them: dikast runs diff" if base is bool else f"some of {', '.join(names_of(model))}"
        )
        raise UsageError(f"knob {name}: its field is {told}, and has no order", hint=hint)
    return number_knob(name, path, info, base is int, given.strip())


def choice_knob(name: str, path: tuple[str, ...], known: tuple[Any, ...], given: str) -> Knob:
    """A knob of a choice, in the type's order or the given one.

    Raises:
        UsageError: A name is no choice, stands there twice, or there is but one.
    """
    by_name = {str(one): one for one in known}
    names = [one.strip() for one in given.split("|")] if given else list(by_name)
    stranger = next((one for one in names if one not in by_name), None)
    if stranger is not None:
        raise UsageError(f"knob {name}: {stranger!r} is no choice of it", hint=f"one of {', '.join(by_name)}")
    if len(set(names)) < max(2, len(names)):
        raise UsageError(f"knob {name}: {given!r}: name two choices at least, each once", hint=", ".join(by_name))
    chosen = tuple(by_name[one] for one in names)
    return Knob(name, path, "choice", 0.0, len(chosen) - 1.0, choices=chosen)


def number_knob(name: str, path: tuple[str, ...], info: FieldInfo, whole: bool, given: str) -> Knob:
    """A knob of a number, between its bounds or the given ones.

    Raises:
        UsageError: A bound is missing, no number, or outside the field's own.
    """
    lowest, highest = bounds_of(info)
    low, high = lowest, highest
    if path[-1] in USUAL and len(path) > 1:
        low, high = USUAL[path[-1]]
    parts = given.split(":") if given else []
    log = len(parts) == 3 and parts[2] == "log"
    if parts:
        try:
            low, high = (float(part) for part in parts[: 2 if log else None])
        except ValueError as error:
            raise UsageError(f"knob {name}={given}: write LOW:HIGH or LOW:HIGH:log") from error
    if low is None or high is None:
        known = " and ".join(told_bounds(info)) or "without bounds"
        raise UsageError(f"knob {name}: its field is {known}", hint=f"give it a range: {name}=LOW:HIGH")
    low, high = closed(info, low, high, whole)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(f"knob {name}={given}: the lower end comes first, and both are finite")
    if whole and (low != int(low) or high != int(high)):
        raise UsageError(f"knob {name}={given}: its field is a whole number")
    if (lowest is not None and low < lowest) or (highest is not None and high > highest):
        raise UsageError(f"knob {name}={given}: its field is {' and '.join(told_bounds(info))}")
    if log and low <= 0:
        raise UsageError(f"knob {name}={given}: factors need a lower end above 0")
    return Knob(name, path, "int" if whole else "float", low, high, log)


def bounds_of(info: FieldInfo) -> tuple[float | None, float | None]:
    """A field's own bounds, open ones as if they were closed."""
    marks: dict[type, Any] = {type(mark): mark for mark in info.metadata}
    low = marks[Ge].ge if Ge in marks else marks[Gt].gt if Gt in marks else None
    high = marks[Le].le if Le in marks else marks[Lt].lt if Lt in marks else None
    return cast("float | None", low), cast("float | None", high)


def told_bounds(info: FieldInfo) -> list[str]:
    """A field's bounds in words."""
    words: Mapping[type, str] = {Ge: "at least", Gt: "above", Le: "at most", Lt: "below"}
    return [
        f"{words[type(mark)]} {getattr(mark, type(mark).__name__.lower()):g}"
        for mark in info.metadata
        if type(mark) in words
    ]


def closed(info: FieldInfo, low: float, high: float, whole: bool) -> tuple[float, float]:
    """The range, moved a little inwards where an end is an open bound of the field."""
    marks: dict[type, Any] = {type(mark): mark for mark in info.metadata}
    step = 1.0 if whole else OPEN * (high - low)
    low += step if Gt in marks and low == marks[Gt].gt else 0.0
    high -= step if Lt in marks and high == marks[Lt].lt else 0.0
    return low, high


def fields_of(model: type[BaseModel]) -> dict[str, tuple[tuple[str, ...], FieldInfo]]:
    """Every field by the name of its flag, and its place; a role's decoding parameters one by one."""
    found: dict[str, tuple[tuple[str, ...], FieldInfo]] = {}
    for field, info in model.model_fields.items():
        mark = marks_of(info).get(SamplingOf)
        if mark is None:
            found[field] = ((field,), info)
            continue
        inner = cast(type[BaseModel], without_none(info.annotation)[0])
        for part, about in inner.model_fields.items():
            found[f"{mark.role.replace('-', '_')}_{part}"] = ((field, part), about)
    return found


def names_of(model: type[BaseModel]) -> list[str]:
    """What could be a knob."""
    found: list[str] = []
    for name, (path, info) in fields_of(model).items():
        base, _ = without_none(info.annotation)
        if (base in (int, float) or get_origin(base) is Literal) and path[-1] != SEED:
            found.append(name)
    return found


def find_field(name: str, model: type[BaseModel]) -> tuple[str, tuple[str, ...], FieldInfo]:
    """The field of a knob, and the whole name; a decoding parameter's bare one will do where one role has any.

    Raises:
        UsageError: There is none, or several.
    """
    fields = fields_of(model)
    names = [name] if name in fields else [one for one, (path, _) in fields.items() if path[1:] == (name,)]
    if len(names) > 1:
        raise UsageError(f"knob {name} may be one of several", hint=f"say which: {', '.join(names)}")
    if not names or fields[names[0]][0][-1] == SEED:
        raise UsageError(f"knob {name}: there is none of that name", hint=f"some of {', '.join(names_of(model))}")
    return names[0], *fields[names[0]]


def settings_at(knobs: Sequence[Knob], point: Sequence[float]) -> dict[str, Value]:
    """The values at a point of the unit cube, by the knobs' names."""
    return {knob.name: knob.value(place) for knob, place in zip(knobs, point, strict=True)}


def settings_in(knobs: Sequence[Knob], base: BaseModel) -> dict[str, Any]:
    """What the knobs stand at in a context."""
    found: dict[str, Any] = {}
    for knob in knobs:
        held = base
        for name in knob.path:
            held = getattr(held, name)
        found[knob.name] = held
    return found


def with_settings(base: M, knobs: Sequence[Knob], settings: Mapping[str, Any]) -> M:
    """A context with other values, validated as if it were made anew; its actors are the same ones.

    Raises:
        UsageError: The values do not fit together, or with the rest.
    """
    fields: dict[str, Any] = {name: getattr(base, name) for name in type(base).model_fields}
    try:
        for knob in knobs:
            field, *part = knob.path
            if part:
                inner = cast(BaseModel, fields[field])
                fields[field] = type(inner)(**{**dict(inner), part[0]: settings[knob.name]})
            else:
                fields[field] = settings[knob.name]
        return type(base)(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        said = str(first["msg"]).removeprefix("Value error, ")
        raise UsageError(f"{where}: {said}" if where else said) from error
