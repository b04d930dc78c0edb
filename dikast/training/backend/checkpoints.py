"""Checkpoints that are whole: each is sealed when all of it is on the disk, and only sealed ones are gone on from.

seal(folder / "checkpoints" / "checkpoint-50")
last_sealed(folder / "checkpoints")             # deletes what is not sealed
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from dikast.files import write_text

SEAL = "whole"
"""The file that seals a checkpoint."""
NAME = re.compile(r"checkpoint-(\d+)")


def seal(checkpoint: Path) -> None:
    """Say that a checkpoint is whole, after all of it has been brought to the disk."""
    for path in [*checkpoint.rglob("*"), checkpoint]:
        sync(path)
    write_text(checkpoint / SEAL, "")
    sync(checkpoint)


def sync(path: Path) -> None:
    """Bring a file, or a folder's list of names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def last_sealed(folder: Path) -> Path | None:
    """The last whole checkpoint; those that are not whole are deleted."""
    found = {int(match[1]): path for path in folder.glob("checkpoint-*") if (match := NAME.fullmatch(path.name))}
    for step in [step for step, path in found.items() if not (path / SEAL).is_file()]:
        shutil.rmtree(found.pop(step))
    return found[max(found)] if found else None


def step_of(checkpoint: Path | None) -> int:
    """After which step a checkpoint was written; 0 for none."""
    match = checkpoint and NAME.fullmatch(checkpoint.name)
    return int(match[1]) if match else 0
