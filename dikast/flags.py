"""How a context's field looks on the command line, where its name, type and description do not say it all.

    class Context(BaseModel):
        model_config = CONTEXT
        keep: Annotated[int, Flag(panel="Choice")] = Field(default=1, ge=1)
        '''How many are kept.'''

Each field of a method's `Context` is a flag of `dikast METHOD run` by its own name: its default, bounds, choices and
docstring become the flag's. These marks say the rest; `dikast.cli.run` reads them.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Flag:
    """What the field's type does not say about its flag.

    Args:
        names: Spellings in place of `--field-name`.
        metavar: What stands for the value in `--help`.
        panel: The heading under which `--help` lists it.
        nothing: The word that stands for `None` where the default is something.
        environment: The environment variable that gives the value where the flag does not.
        argument: Whether the value is given by its place, without a name: `dikast cweval score FILE`.
    """

    names: tuple[str, ...] = ()
    metavar: str = ""
    panel: str = ""
    nothing: str = ""
    environment: str = ""
    argument: bool = False


@dataclass(frozen=True, slots=True)
class NoFlag:
    """The field has no flag of its own.

    Args:
        reason: Why, and by what else it is set.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class SamplingOf:
    """The field is the decoding parameters of a role: `--ROLE-temperature`, `--ROLE-max-tokens` and so on.

    Args:
        role: The role's name as its flag has it.
    """

    role: str


def marks_of(info: FieldInfo) -> dict[type, Any]:
    """A field's marks by their class, those inside `| None` among them."""
    inner = [mark for part in get_args(info.annotation) for mark in getattr(part, "__metadata__", ())]
    return {type(mark): mark for mark in [*inner, *info.metadata]}


def without_none(annotation: Any) -> tuple[Any, bool]:
    """The type beside `None`, and whether `None` was there."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation, False
    rest = [part for part in get_args(annotation) if part is not type(None)]
    return (without_marks(rest[0]) if len(rest) == 1 else annotation), type(None) in get_args(annotation)


def without_marks(annotation: Any) -> Any:
    """The type under `Annotated`."""
    return get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation
