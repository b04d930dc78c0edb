"""A data frame as one flat buffer, without pyarrow and without pickle: written outside the box, read inside it.

    frame = read(memoryview(pack(frame)))

Layout: a 12-byte head (magic, length of a JSON header), the header, then one 64-byte aligned buffer per column.
Numbers, booleans and times travel raw; text, mixed and nullable columns as a JSON list, since the C scanner makes its
strings faster than Python slices them out of a buffer. The index is not kept. Times with a zone keep it, by name; one
whose name is not in the database is UTC. Cells that are neither text, number, boolean nor missing travel as their
`str`.
"""

from __future__ import annotations

import json
import re
import struct
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dikast.sandbox.inside.zones import zone_of

if TYPE_CHECKING:
    import pandas as pd

_HEAD = struct.Struct("<4sQ")
_MAGIC = b"DKT1"
_ALIGNMENT = 64
_RAW_KINDS = "biufMm"
_LISTED = re.compile(r"str|string|boolean|U?Int\d+|Float\d+")


def pack(frame: pd.DataFrame) -> bytes:
    """Write a frame's columns, with their names as text (equal names stay apart) and their dtypes."""
    specs: list[dict[str, Any]] = []
    buffers: list[bytes] = []
    for position, name in enumerate(frame.columns):
        spec, buffer = _pack_column(frame.iloc[:, position])
        specs.append({"name": str(name), "size": len(buffer), **spec})
        buffers.append(buffer)
    header = json.dumps({"rows": len(frame), "columns": specs}).encode()
    data = bytearray(_HEAD.pack(_MAGIC, len(header)) + header)
    for buffer in buffers:
        data += bytes(-len(data) % _ALIGNMENT) + buffer
    return bytes(data)


def read(data: memoryview) -> pd.DataFrame:
    """The frame that `pack` wrote, with a fresh RangeIndex; its columns are its own copies.

    Raises:
        ValueError: The buffer is not one that `pack` wrote.
    """
    import pandas as pd

    magic, length = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise ValueError("not a packed table")
    at = _HEAD.size + length
    header = json.loads(bytes(data[_HEAD.size : at]))
    columns: dict[int, Any] = {}
    for position, spec in enumerate(header["columns"]):
        at += -at % _ALIGNMENT
        columns[position] = _read_column(data[at : at + spec["size"]], spec)
        at += spec["size"]
    frame = pd.DataFrame(columns, index=range(header["rows"]))
    frame.columns = [spec["name"] for spec in header["columns"]]
    return frame


def _pack_column(column: Any) -> tuple[dict[str, Any], bytes]:
    np: Any = import_module("numpy")
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in _RAW_KINDS:
        return {"raw": dtype.str}, column.to_numpy().tobytes()
    if getattr(dtype, "tz", None) is not None:
        spec, buffer = _pack_column(column.dt.tz_convert("UTC").dt.tz_localize(None))
        return {**spec, "zone": str(dtype.tz)}, buffer
    kept = str(dtype) if _LISTED.fullmatch(str(dtype)) else "object"
    return {"list": kept}, json.dumps([_cell(cell) for cell in column.tolist()]).encode()


def _cell(cell: Any) -> Any:
    if cell is None or isinstance(cell, (bool, int, float, str)):
        return cell
    np: Any = import_module("numpy")
    pd: Any = import_module("pandas")
    if cell is pd.NA or cell is pd.NaT:
        return None
    value = cell.item() if isinstance(cell, np.generic) else cell
    return value if isinstance(value, (bool, int, float)) else str(value)


def _read_column(buffer: memoryview, spec: dict[str, Any]) -> Any:
    import numpy as np
    import pandas as pd

    if "list" in spec:
        return pd.Series(json.loads(bytes(buffer)), dtype=spec["list"])
    values = np.frombuffer(buffer, dtype=spec["raw"])
    return zoned(values, spec["zone"]) if "zone" in spec else values


def zoned(values: Any, zone: str) -> Any:
    """Moments in UTC, `datetime64` without a zone, as a Series in the zone of this name, or in UTC if there is none."""
    pd: Any = import_module("pandas")
    return pd.Series(values).dt.tz_localize("UTC").dt.tz_convert(zone_of(zone) or "UTC")
