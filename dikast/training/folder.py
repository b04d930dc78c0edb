"""A training's folder: one writer, one fingerprint, and nothing of the user's ever overwritten.

    manifest.json   recipe, hashes of rows and models, versions, attempts; at the end, what came of it
    losses.jsonl    a line a step             losses.svg      the same as a figure
    checkpoints/    the last whole ones       README.md       the model's card
    adapter/        or model/: what was trained

The lock is that of run folders (`dikast.jobs.folder`).
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from dikast.disk import make_folder, told_if_refused
from dikast.errors import DataError, ResumeMismatchError, UsageError
from dikast.files import write_json
from dikast.jobs.folder import HASH, HELD, LOCK, list_names_aside, lock_file, release_lock, shown
from dikast.jobs.manifest import differences

MANIFEST = "manifest.json"
FORMAT = 1
TRAINING = "training"
"""The manifest's field that says which trainer, and that it is a training's."""
OURS = frozenset({LOCK, HELD})
"""What may lie in a folder that has no manifest yet."""
Manifest = dict[str, Any]


@contextmanager
def open_training(out: Path, fingerprint: Mapping[str, Any], *, force_new: bool) -> Generator[Manifest]:
    """Take a training's folder; its manifest, empty for a new one.

    Args:
        out: The folder; made if need be.
        fingerprint: Of what is to be trained.
        force_new: Move an older training in this folder aside.

    Raises:
        UsageError: Somebody else is writing to it, or it is a folder of something else.
        ResumeMismatchError: Another recipe, other rows or another model were trained in it; names the field.
        DataError: It cannot be written, or its manifest is damaged.
    """
    if force_new and (out / MANIFEST).exists():
        read_training(out)  # something else is left where it is
        with told_if_refused(out, "written", "folder"):
            lock = lock_file(out)
            taken = next(place for place in list_names_aside(out) if not place.exists())
            out.rename(taken)
            release_lock(taken, lock)
    refuse_foreign(out)
    make_folder(out)
    with told_if_refused(out, "written", "folder"):
        lock = lock_file(out)
    try:
        manifest = read_training(out) if (out / MANIFEST).exists() else {}
        if manifest:
            refuse_mismatch(out, manifest["fingerprint"], fingerprint)
        yield manifest
    finally:
        if not (out / MANIFEST).exists():  # nothing came of it
            with suppress(OSError):  # somebody put something in it: leave it
                (out / LOCK).unlink()
                (out / HELD).unlink(missing_ok=True)
                out.rmdir()
        release_lock(out, lock)


def refuse_foreign(out: Path) -> None:
    """Refuse a folder that holds something, and no training.

    Raises:
        UsageError: It does.
    """
    if not out.is_dir() or (out / MANIFEST).exists():
        return
    with told_if_refused(out, "read", "folder"):
        other = next((entry.name for entry in out.iterdir() if entry.name not in OURS), None)
    if other is not None:
        raise UsageError(f"{out} is not a training's folder: it holds {other!r}", hint="name a new or an empty folder")


def read_training(out: Path) -> Manifest:
    """A training's manifest.

    Raises:
        DataError: It is damaged.
        UsageError: It is a manifest of something else.
    """
    path = out / MANIFEST
    with told_if_refused(path):
        text = path.read_text(encoding="utf-8")
    try:
        found: Any = json.loads(text)
    except ValueError as error:
        raise DataError("is damaged", path=path, hint="start over with --force-new") from error
    if not isinstance(found, dict) or TRAINING not in found:
        raise UsageError(f"{out} is not a training's folder: its manifest is another's", hint="name another folder")
    return cast(Manifest, found)


def write_training(out: Path, manifest: Mapping[str, Any]) -> None:
    """Replace a training's manifest.

    Raises:
        DataError: It cannot be written.
    """
    write_json(out / MANIFEST, manifest)


def refuse_mismatch(out: Path, old: Any, new: Mapping[str, Any]) -> None:
    """Refuse to go on with something else.

    Raises:
        ResumeMismatchError: The fingerprints differ.
    """
    found = differences(old, dict(new))
    if not found:
        return
    field, before, now = found[0]
    content = all(isinstance(value, str) and HASH.fullmatch(value.removeprefix("sha256:")) for value in (before, now))
    what = f"the content of {field} has changed" if content else f"{field} was {shown(before)}, is now {shown(now)}"
    more = f", and {len(found) - 1} more: {', '.join(name for name, _, _ in found[1:])}" if found[1:] else ""
    raise ResumeMismatchError(
        f"{out} was trained otherwise: {what}{more}",
        hint="name another folder, or start over with --force-new, which keeps the old one beside it",
    )
