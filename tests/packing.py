"""Compressed files, for tests."""

from __future__ import annotations

import gzip
from pathlib import Path

from dikast.optional import needs


def packed(data: bytes, path: Path) -> bytes:
    """The data as a file of this name has them: `.gz`, `.zst` or as they are."""
    if path.suffix == ".gz":
        return gzip.compress(data)
    return needs("pyarrow").compress(data, codec="zstd", asbytes=True) if path.suffix == ".zst" else data
