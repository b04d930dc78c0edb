"""What tells one function from another: its name, and for one without a place of its own all that it is made of.

Two functions made inside another one, or two lambdas, may share a name and do different things. So their code counts,
and what they have taken along from around them: texts and functions. Numbers and containers do not count, since they
are mostly counters and logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from inspect import getclosurevars
from types import CodeType, FunctionType
from typing import cast

DIGEST_CHARACTERS = 16
"""64 bits of a hash."""


def name_of(function: FunctionType) -> str:
    """Its module and name; for one made inside a function, a hash of what it is made of too."""
    name = f"{function.__module__}.{function.__qualname__}"
    if "<" not in function.__qualname__:
        return name
    made_of = "\0".join(list_pieces(function)).encode("utf-8", "replace")
    return f"{name}#{sha256(made_of).hexdigest()[:DIGEST_CHARACTERS]}"


def list_pieces(function: FunctionType, depth: int = 0) -> Iterator[str]:
    """The function's code and what it has taken along."""
    yield from list_code(function.__code__)
    around = getclosurevars(function).nonlocals.values()
    for taken in [*around, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]:
        if isinstance(taken, str):
            yield taken
        elif isinstance(taken, FunctionType) and depth < 5:
            yield from list_pieces(taken, depth + 1)


def list_code(compiled: CodeType) -> Iterator[str]:
    """What the interpreter runs: instructions, names and constants, of inner functions too."""
    yield compiled.co_code.hex()
    yield repr(compiled.co_names)
    for constant in compiled.co_consts:
        if isinstance(constant, CodeType):
            yield from list_code(constant)
        elif isinstance(constant, frozenset):
            # Its order changes with the hash seed.
            yield repr(sorted(cast("frozenset[object]", constant), key=repr))
        else:
            yield repr(constant)
