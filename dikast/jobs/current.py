"""Which rows a run's input has now: a run folder answers for its last input only.

The journal keeps every row that ever finished. Once an input has changed, `input.keys` tells which of them are asked
for, and in what order: a row's key a line, bound to the manifest by the hash over them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from dikast.errors import DataError
from dikast.jobs.files import explain_os_errors
from dikast.jobs.keys import DIGEST_BYTES
from dikast.jobs.manifest import Manifest

KEYS = "input.keys"


def hash_of(keys: bytes | bytearray) -> str:
    """The hash over the rows' keys in their order, as manifests have it."""
    return hashlib.blake2b(keys.hex().encode(), digest_size=DIGEST_BYTES).hexdigest()


def split(keys: bytes | bytearray) -> list[bytes]:
    """The single keys."""
    return [bytes(keys[start : start + DIGEST_BYTES]) for start in range(0, len(keys), DIGEST_BYTES)]


def write_keys(folder: Path, keys: bytes | bytearray) -> None:
    """Write down which rows the input has.

    Raises:
        DataError: The disk takes no more.
    """
    beside = folder / f"{KEYS}.new"
    with explain_os_errors(folder):
        beside.write_text(keys.hex("\n", DIGEST_BYTES) + "\n", encoding="ascii")
        beside.replace(folder / KEYS)


def read_keys(folder: Path, manifest: Manifest) -> bytes | None:
    """The keys of the manifest's last input; `None` where they are not written down."""
    with explain_os_errors(folder, "read"):
        try:
            keys = bytes.fromhex((folder / KEYS).read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):  # absent, or damaged: what it would say is not known
            return None
    return keys if hash_of(keys) == manifest.attempts[-1].input_hash else None


def current_keys(folder: Path, manifest: Manifest) -> list[bytes] | None:
    """The keys of the rows that the run answers for, in their order; `None` if these are all that it ever had.

    Raises:
        DataError: Some of its rows are of another input, and it is not known which.
    """
    last = manifest.attempts[-1]
    inputs = {attempt.input_hash for attempt in manifest.attempts} - {None}
    if last.input_hash is None or (len(inputs) == 1 and not last.foreign):
        return None
    keys = read_keys(folder, manifest)
    if keys is None and last.foreign:
        message = f"{last.foreign} of its finished rows are of another input, and {KEYS} does not tell which"
        raise DataError(message, path=folder, hint="give the run's command again: it writes that file")
    return None if keys is None else split(keys)


def change_told(before: bytes | None, now: bytes | None) -> str:
    """How an input differs from the one before, for a person; empty if it has the same rows, or nobody knows."""
    if before is None or now is None:
        return ""
    old, new = set(split(before)), set(split(now))
    return f"your input changed: {len(new - old)} rows new, {len(old - new)} gone" if old != new else ""
