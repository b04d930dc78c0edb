"""Turn what a program computed into plain JSON values: pandas and numpy types become lists, numbers and text.

    plain(df["a"])   # [1, 2, None]

    labelled(df.groupby("region")["amount"].sum())   # {"columns": ["region", "amount"], "rows": [["north", 7]]}

It runs inside the box on objects of hostile make, so what it writes is a claim; the host reads it as strict JSON.
Missing values (None, NaN, NaT, pd.NA) become null; infinities cannot be written and are refused.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

MAX_NESTING = 64  # deeper than any policy allows; it bounds this function's own recursion

_VIEWS = ("dict_keys", "dict_values", "dict_items", "range")


def plain(value: Any, depth: int = 0) -> object:
    """JSON values for `value`: a DataFrame by rows, a Series, Index or array by items, a set sorted.

    Raises:
        TypeError: It holds something that has no JSON form.
        ValueError: It is nested too deeply, or two keys have the same text, such as 1 and "1".
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        return None if value != value else value
    if depth > MAX_NESTING:
        raise ValueError("nested too deeply")
    if isinstance(value, Mapping):
        pairs = [(_key(key), plain(item, depth + 1)) for key, item in cast(Mapping[Any, Any], value).items()]
        made = dict(pairs)
        if len(made) != len(pairs):
            raise ValueError("keys that are told apart only by their type")
        return made
    items = _items(value)
    if items is not None:
        return [plain(item, depth + 1) for item in items]
    return _scalar(value, depth)


def labelled(value: Any) -> dict[str, list[Any]] | None:
    """A Series or DataFrame as a table with its labels; `None` for anything else, and where no label has a JSON form.

    An index of unnamed integers is a count of rows and no label.
    """
    try:
        return _table(value)
    except (TypeError, ValueError):
        return None  # the answer itself may still be written, and is judged by `plain` alone


def _table(value: Any) -> dict[str, list[Any]] | None:
    pd: Any = import_module("pandas")
    if not isinstance(value, (pd.Series, pd.DataFrame)):
        return None
    levels = _levels(value.index)
    if isinstance(value, pd.Series):
        if not levels:
            return None
        names, columns = ["" if value.name is None else _key(value.name)], [value]
    else:
        names, columns = list(map(_key, value.columns)), [value.iloc[:, at] for at in range(value.shape[1])]
    cells = [[_finite(plain(cell)) for cell in column] for column in [*(level for _, level in levels), *columns]]
    return {"columns": [*(name for name, _ in levels), *names], "rows": [list(row) for row in zip(*cells, strict=True)]}


def _finite(cell: object) -> object:
    if isinstance(cell, float) and cell in (float("inf"), float("-inf")):
        raise ValueError("infinities have no JSON form")
    return cell


def _levels(index: Any) -> list[tuple[str, Any]]:
    """The index's levels that are labels, each with its name."""
    pd: Any = import_module("pandas")
    if index.nlevels == 1 and index.name is None and pd.api.types.is_integer_dtype(index.dtype):
        return []
    names = ["" if name is None else _key(name) for name in index.names]
    return [(name, index.get_level_values(at)) for at, name in enumerate(names)]


def _key(key: Any) -> str:
    if isinstance(key, tuple):
        return ", ".join(map(_key, cast(tuple[Any, ...], key)))
    text = plain(key)
    return text if isinstance(text, str) else "null" if text is None else str(text)


def _items(value: Any) -> list[Any] | None:
    """The items of whatever is a list by another name; `None` for anything else."""
    pd: Any = import_module("pandas")
    np: Any = import_module("numpy")
    if isinstance(value, pd.DataFrame):
        return [list(row) for row in value.itertuples(index=False, name=None)]
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return None
    if isinstance(value, (set, frozenset)):
        return sorted(cast(set[Any], value), key=repr)
    listed = (list, tuple, np.ndarray, pd.Series, pd.Index, pd.api.extensions.ExtensionArray)
    if isinstance(value, listed) or hasattr(value, "__next__") or type(value).__name__ in _VIEWS:
        return list(value)
    return None


def _scalar(value: Any, depth: int) -> object:
    pd: Any = import_module("pandas")
    np: Any = import_module("numpy")
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.datetime64):
        return plain(pd.Timestamp(value), depth)
    if isinstance(value, np.timedelta64):
        return str(pd.Timedelta(value))
    if isinstance(value, (np.generic, np.ndarray)):
        return plain(value.item(), depth + 1)
    if isinstance(value, (datetime.date, datetime.time)):
        return _iso(value)
    if isinstance(value, (datetime.timedelta, pd.Period, pd.Interval)):
        return str(value)
    if isinstance(value, (decimal.Decimal, fractions.Fraction)):
        return plain(float(value), depth)
    raise TypeError("no JSON form")


def _iso(value: datetime.date | datetime.time) -> str:
    """A date without a time of day prints as a date, since tables hold dates as midnights."""
    if isinstance(value, datetime.datetime) and value.time() == datetime.time() and value.tzinfo is None:
        return value.date().isoformat()
    return value.isoformat()
