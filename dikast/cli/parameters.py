"""Flags out of the fields of a Pydantic model: names, types, defaults, bounds, choices and help, written once.

`knobs_of(Context)` gives a `Knob` a flag: its parameter for Typer, the field it sets, and how its value becomes the
field's. What a field can be:

| field | flag |
| --- | --- |
| text, a number, a path, a choice (`Literal`), each also `| None` | `--field VALUE`, with the field's bounds |
| `bool` | `--field / --no-field` |
| a tuple of text or numbers | `--field A,B,...` |
| a set or list of text | `--field A`, several times |
| an actor (`Annotated[Role, Spec(load)]`) | `--role SPEC` |
| a tuple of actors | `--role SPEC`, several times; `judges` becomes `--judge` |
| `Annotated[..., Flag(argument=True)]` | `VALUE`, by its place |
| `Annotated[Sampling, SamplingOf("solver")]` | `--solver-temperature`, `--solver-max-tokens`, ... |

Anything else says why it has no flag (`NoFlag`), or is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args, get_origin

import typer
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dikast.agents.models.request import Sampling
from dikast.cli.options import METHOD, MODEL
from dikast.errors import UsageError
from dikast.flags import Flag, NoFlag, SamplingOf, marks_of, without_marks, without_none
from dikast.wire import Spec, spec_of

PLAIN = (str, int, float, bool, Path)
SAMPLED = ("temperature", "top_p", "top_k", "repetition_penalty", "max_tokens")
"""Decoding parameters that are flags of a role; the seed is one flag for all, stop strings belong to prompts."""
BOUNDS = {Ge: "at least", Gt: "above", Le: "at most", Lt: "below"}


@dataclass(frozen=True, slots=True)
class Knob:
    """A flag that sets a field.

    Args:
        name: The parameter's: the flag's with underscores; also its name in settings files.
        field: The field's.
        part: Which decoding parameter, where the field is a `Sampling`; else empty.
        read: The flag's value -> the field's.
        parameter: For the command's signature.
    """

    name: str
    field: str
    part: str
    read: Callable[[Any], Any]
    parameter: Parameter


def knobs_of(model: type[BaseModel], panel: str = METHOD) -> list[Knob]:
    """The flags of a model's fields, in their order.

    Raises:
        UsageError: A field can be no flag and does not say so.
    """
    return [knob for name, info in model.model_fields.items() for knob in knobs_of_field(model, name, info, panel)]


def knobs_of_field(model: type[BaseModel], name: str, info: FieldInfo, panel: str) -> Iterator[Knob]:
    """One field's flags: none, one, or several for decoding parameters."""
    marks = marks_of(info)
    if NoFlag in marks or name == "seed":  # one --seed speaks to all fields of that name
        return
    if SamplingOf in marks:
        yield from sampling_knobs(name, marks[SamplingOf].role, info)
        return
    flag: Flag = marks.get(Flag, Flag())
    panel = panel_of(model, name) or panel
    base, optional = without_none(info.annotation)
    spec, many = spec_in(base, marks)
    names = flag.names
    if spec is not None:
        shown = flag.metavar or "SPEC"
        names = names or ((f"--{singular(name)}",) if many else ())
        kind, read = (list[str] | None, as_tuple) if many else (str | None, as_given)
        panel = flag.panel or (MODEL if spec.model or many else panel)
    else:
        kind, read, shown = kind_of(model, name, base, flag)
        kind = kind | None if optional or info.is_required() or kind == list[str] else kind
        panel = flag.panel or panel
    if flag.argument:
        argument = typer.Argument(help=help_of(info, spec), metavar=shown or None)
        yield knob(name, name, "", read, Annotated[kind, argument], default_of(info, flag))
        return
    parameter = names[0].lstrip("-").replace("-", "_") if names and names[0].startswith("--") else name
    option = typer.Option(
        *(names or ((f"--{dashed(name)}/--no-{dashed(name)}",) if base is bool else (f"--{dashed(name)}",))),
        help=help_of(info, spec),
        metavar=shown or None,
        rich_help_panel=panel,
        envvar=flag.environment or (f"DIKAST_{parameter.upper()}" if spec and spec.model and not many else None),
        **({} if kind in (str, str | None) else typer_bounds(info)),
    )
    yield knob(parameter, name, "", read, Annotated[kind, option], default_of(info, flag))


def panel_of(model: type[BaseModel], name: str) -> str:
    """The heading that the class which has the field gives all of its flags; empty for none."""
    owner = next((one for one in model.__mro__ if name in getattr(one, "__annotations__", {})), model)
    return getattr(owner, "panel", "")


def sampling_knobs(name: str, role: str, info: FieldInfo) -> Iterator[Knob]:
    """A role's decoding parameters as flags."""
    default = info.get_default(call_default_factory=True)
    for part in SAMPLED:
        inner = Sampling.model_fields[part]
        about = f"{help_of(inner, None)} {plain(info.description or '')}".strip()
        option = typer.Option(
            f"--{dashed(role)}-{dashed(part)}", help=about, rich_help_panel=MODEL, **typer_bounds(inner)
        )
        kind = cast(Any, inner.annotation)
        yield knob(f"{role}_{part}", name, part, as_given, Annotated[kind, option], getattr(default, part))


def knob(parameter: str, field: str, part: str, read: Callable[[Any], Any], annotation: Any, default: Any) -> Knob:
    """A flag with its parameter."""
    made = Parameter(parameter, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
    return Knob(parameter, field, part, read, made)


def kind_of(model: type[BaseModel], name: str, base: Any, flag: Flag) -> tuple[Any, Callable[[Any], Any], str]:
    """A field's type as Typer takes it, how its value is read, and what stands for it in the help.

    Raises:
        UsageError: No flag can be made of the type.
    """
    if base in PLAIN or get_origin(base) is Literal:
        # Beside a word for None a number is text to Typer; the context reads it, and holds it to its bounds.
        return str if flag.nothing else base, nothing_is_none(flag.nothing), flag.metavar
    inner = [without_marks(one) for one in get_args(base) if one is not ...]
    if get_origin(base) is tuple and all(one in (str, int, float) for one in inner):
        reader = comma_separated(f"--{dashed(name)}", flag.nothing, numbers=str not in inner)
        return str, reader, flag.metavar or "A,B,..."
    if get_origin(base) in (list, set, frozenset) and inner == [str]:
        return list[str], as_list, flag.metavar
    told = f"{model.__module__}.{model.__qualname__}.{name}: no flag can be made of {base!r}"
    raise UsageError(told, hint="annotate it with dikast.flags.NoFlag('why'), and set it in the method's fields()")


def spec_in(base: Any, marks: Mapping[type, Any]) -> tuple[Spec | None, bool]:
    """How an actor is loaded, and whether the field holds several; `None` for a field without one."""
    if get_origin(base) is tuple:
        found = [mark for part in get_args(base) for mark in getattr(part, "__metadata__", ())]
        spec = next((mark for mark in found if isinstance(mark, Spec)), None)
        return spec, spec is not None
    return marks.get(Spec), False


def typer_bounds(info: FieldInfo) -> dict[str, Any]:
    """Bounds that belong to the field's range; Typer knows no open ones, which the help tells in words."""
    limits: dict[type, Any] = {type(mark): mark for mark in info.metadata}
    if Gt in limits or Lt in limits:
        return {}
    found = {"min": getattr(limits.get(Ge), "ge", None), "max": getattr(limits.get(Le), "le", None)}
    return {name: value for name, value in found.items() if value is not None}


def help_of(info: FieldInfo, spec: Spec | None) -> str:
    """The field's own words, its open bounds, and who plays an actor that is not given."""
    about, limits = plain(info.description or ""), limits_of(info)
    if limits and not typer_bounds(info):
        about += f" A number {' and '.join(limits)}."
    if spec is not None and spec.model and info.is_required():
        about += " Default: --model."
    return about


def limits_of(info: FieldInfo) -> list[str]:
    """A field's bounds in words: `at least 1`, `below 1`."""
    return [
        f"{word} {getattr(mark, kind.__name__.lower()):g}"
        for mark in info.metadata
        for kind, word in BOUNDS.items()
        if isinstance(mark, kind)
    ]


def plain(text: str) -> str:
    """A docstring as one line of help."""
    return " ".join(text.replace("`", "").split())


def default_of(info: FieldInfo, flag: Flag) -> Any:
    """The default as the flag shows it; `None` for a field without one."""
    if info.is_required():
        return None
    default = info.get_default(call_default_factory=True)
    if isinstance(default, str | int | float | bool | Path | None):
        return flag.nothing if default is None and flag.nothing else default
    if isinstance(default, BaseModel):
        return ", ".join(f"{name} {value}" for name, value in default.model_dump(exclude_defaults=True).items())
    if isinstance(default, tuple):
        return ",".join(f"{one:g}" if isinstance(one, float) else str(one) for one in cast(Any, default)) or None
    return list(cast(Any, default)) or None if isinstance(default, list | set | frozenset) else spec_of(default)


def dashed(name: str) -> str:
    """A name as flags have it."""
    return name.replace("_", "-")


def singular(name: str) -> str:
    """`judges` -> `judge`: a flag that is given once an actor."""
    return dashed(name.removesuffix("s"))


def as_given(value: Any) -> Any:
    """The value as it is."""
    return value


def as_list(value: Any) -> list[str]:
    """What was given, none as an empty list."""
    return list(value or ())


def as_tuple(value: Any) -> tuple[str, ...]:
    """What was given several times."""
    return tuple(value or ())


def nothing_is_none(word: str) -> Callable[[Any], Any]:
    """A reader that takes one word for `None`."""
    return lambda value: None if word and value == word else value


def comma_separated(flag: str, word: str, *, numbers: bool) -> Callable[[Any], Any]:
    """A reader of `A,B,...`; of one word as `None`.

    Args:
        flag: The flag, for its errors.
        word: What stands for `None`; empty for nothing.
        numbers: Whether each part is a number.
    """

    def read(value: str | None) -> tuple[str, ...] | None:
        if value is None or (word and value == word):
            return None
        parts = tuple(part.strip() for part in value.split(",") if part.strip())
        if numbers and not all(map(is_number, parts)):
            raise UsageError(f"{flag} {value!r}: write numbers, comma-separated")
        return parts

    return read


def is_number(text: str) -> bool:
    """Whether a text is one."""
    try:
        float(text)
    except ValueError:
        return False
    return True
