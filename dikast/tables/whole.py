"""Text files read whole, plain or compressed, and what they are called.

    data = read_whole(Path("sales.csv.gz"))     # the CSV's bytes
    name_of(Path("sales.csv.gz"))               # "sales"

A few bytes of gzip can unpack to any number, so that what is unpacked is counted while it is.
"""

from __future__ import annotations

from pathlib import Path

from dikast.errors import DataError
from dikast.files import COMPRESSIONS, open_bytes

MAX_BYTES = 256 * 2**20
"""Unpacked. Text cells as Python objects take about ten times their size in memory."""
PIECE = 1 << 20


def read_whole(path: Path) -> bytes:
    """The file's bytes, unpacked.

    Raises:
        DataError: It cannot be read, is damaged, or is larger than `MAX_BYTES`.
    """
    data = bytearray()
    packed = path.suffix.lower() in COMPRESSIONS
    with open_bytes(path) as file:
        while piece := file.read(PIECE):
            data += piece
            if len(data) > MAX_BYTES:
                what = "unpacks to more than" if packed else "larger than"
                raise DataError(f"{what} {MAX_BYTES >> 20} MiB", path=path, hint="convert it to Parquet")
    return bytes(data)


def name_of(path: Path) -> str:
    """The file's name without its ending, and without that of its compression."""
    return (path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path).stem
