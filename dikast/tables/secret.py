"""`Secret`: a value that cannot be rendered into a prompt, a log or a file by accident.

    answer = Secret(["17"])
    f"the answer is {answer}"     # "the answer is [secret]"
    answer.reveal()               # ["17"], for the code that answers the user

It is no `str` and no container: joining, iterating, measuring or comparing it does not work, printing it in any way
gives `[secret]`, as does Pydantic's JSON. Pickling and plain `json.dumps` are refused, so that a checkpointer or a
cache fails loudly instead of writing it down. Two secrets are equal only if they are the same object.

Not covered: code in the same process that means to look inside.
"""

from __future__ import annotations

from typing import Any, Generic, NoReturn, SupportsIndex, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")

SHOWN = "[secret]"


class Secret(Generic[T]):
    """Holds a value for whoever calls `reveal()` and prints as `[secret]` for everybody else."""

    __slots__ = ("_hold",)

    def __init__(self, value: T) -> None:
        # A closure and not an attribute: debuggers, pretty printers and serialisers walk attributes.
        self._hold = lambda: value

    def reveal(self) -> T:
        """The value itself. Each call site is a place to review."""
        return self._hold()

    def __repr__(self) -> str:
        return SHOWN

    def __str__(self) -> str:
        return SHOWN

    def __format__(self, spec: str) -> str:
        return SHOWN

    def __copy__(self) -> Secret[T]:
        return self

    def __deepcopy__(self, memo: object) -> Secret[T]:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a Secret is not written down: reveal() it on purpose, or leave it out of what is saved")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Accept a Secret only; serialise as `[secret]`, in Python mode too."""
        write = core_schema.plain_serializer_function_ser_schema(_shown)
        return core_schema.is_instance_schema(cls, serialization=write)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """In JSON it is the constant `[secret]`."""
        return {"const": SHOWN}


def _shown(secret: object) -> str:
    return SHOWN
