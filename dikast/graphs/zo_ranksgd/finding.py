"""The method that is tuned, by its name; it stands alone so that a context can be made out of JSON."""

from __future__ import annotations

from dikast.errors import UsageError
from dikast.graphs import METHODS, load_method
from dikast.graphs.method import Method
from dikast.importing import import_object


def find_method(reference: str) -> Method:
    """A method of dikast's by its folder's name, or the one at `module:name`.

    Raises:
        UsageError: There is none.
    """
    if reference in METHODS:
        return load_method(reference)
    found = import_object(reference)
    if not isinstance(found, Method):
        hint = "name a dikast.graphs.method.Method"
        raise UsageError(f"{reference} is a {type(found).__name__}, and no method", hint=hint)
    return found
