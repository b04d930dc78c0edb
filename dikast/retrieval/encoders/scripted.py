"""An encoder that is a Python function: for tests, and for any encoder that has no engine here.

    @scripted
    def mean_of_words(texts: Sequence[str], role: Role) -> Vectors: ...

Then `load_encoder("scripted:my_package.my_module:mean_of_words")`. The function may be async. A spec names only
functions that were marked, so that a spec from elsewhere cannot call just any (it does import the module it names).
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from dikast.importing import import_scripted
from dikast.retrieval.encoders.encoder import Encoder, Role
from dikast.retrieval.vectors import Vectors
from dikast.spec_options import Options

Function = Callable[[Sequence[str], Role], Vectors | Awaitable[Vectors]]
"""(texts, role) -> `[texts, dimension]`."""


class ScriptedEncoder:
    """An encoder over a function. Its fingerprint is the function's name: another function needs another name."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.spec = f"scripted:{function.__module__}:{function.__name__}"

    def fingerprint(self) -> dict[str, object]:
        """The function's module and name."""
        return {"encoder": self.spec}

    async def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        """What the function gives."""
        given = self.function(texts, role)
        return np.asarray(await given if inspect.isawaitable(given) else given, np.float32)


def scripted(function: Function) -> ScriptedEncoder:
    """Mark a function as one that an encoder spec may name."""
    return ScriptedEncoder(function)


def open_encoder(rest: str, options: Options, spec: str) -> Encoder:
    """Find the encoder of `scripted:package.module:name`.

    Raises:
        UsageError: There is no such module or name, or the name is not marked with `@scripted`.
    """
    return import_scripted(rest, spec, ScriptedEncoder, __name__)
