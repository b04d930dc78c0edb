"""Which weights a model has, in a fingerprint: by content, never by place."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

DIGESTED_BYTES = 2**20
"""A safetensors file begins with its table of contents; reading all of 140 GB would take minutes at each start."""


def identity(name: str) -> str:
    """A model's name on a hub as it is; for a folder, its name and what is in it."""
    path = Path(name)
    return f"{path.resolve().name} {digest_of(path)}" if path.is_dir() else name


def digest_of(folder: Path) -> str:
    """Digest of a folder's files: names, sizes, and the first and last MiB of each, which is all of the small ones."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    return _digest(folder, tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files))


@lru_cache
def _digest(folder: Path, files: tuple[tuple[str, int, int], ...]) -> str:
    """The same, of these files; their times are there to notice that one has changed."""
    digest = sha256()
    for name, size, _ in files:
        digest.update(f"{name} {size}\n".encode())
        with (folder / name).open("rb") as file:
            digest.update(file.read(DIGESTED_BYTES))
            file.seek(max(0, size - DIGESTED_BYTES))
            digest.update(file.read(DIGESTED_BYTES))
    return f"sha256:{digest.hexdigest()}"


@lru_cache
def weights_hash(path: Path, size: int, modified_ns: int) -> str:
    """SHA-256 of a file's content; size and time are there to notice that it has changed."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
