"""`manifest.json`: what a run is, and when it was worked on.

Written whole to a file beside it and renamed, so that a crash leaves the old one or the new one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, Field, ValidationError

from dikast.agents.models.limits import Limits
from dikast.errors import DataError
from dikast.plugins import used

NAME = "manifest.json"
FORMAT = 1
ABSENT = "(absent)"
PACKAGES = (
    "dikast",
    "langgraph",
    "langchain-core",
    "pydantic",
    "aiohttp",
    "openai",
    "openvino-genai",
    "vllm",
    "torch",
    "transformers",
    "peft",
    "ray",
    "langchain-openai",
    "langchain-anthropic",
    "langchain-ollama",
    "langchain-aws",
    "langchain-google-genai",
)
"""Whose versions are recorded, where they are installed."""


class Attempt(BaseModel, extra="forbid"):
    """One time that the run was worked on.

    Args:
        started: ISO 8601, UTC.
        finished: The same; `None` while it runs, and after a crash.
        asked: Rows of the input times samples; `None` if the input was a one-shot iterator that did not end.
        foreign: Finished rows that are not in this attempt's input.
        input_hash: Over the inputs in their order; `None` as `asked`.
        versions: Python's and of the packages that matter.
        limits: The run's limits; they do not change results.
        engine: Where rows were done: `local` is the job's own process.
        workers: Rows that each worker did, by its name; empty for `local`, and while it runs.
        stopped: Why it ended before all was done; empty if it did not.
        outcomes: Counts over the rows of its input when this attempt ended.
        usage: Spent by role over the whole run when this attempt ended.
        journal_bytes: The journal's size then: while it has that size, these counts are the journal's.
    """

    started: str
    finished: str | None = None
    asked: int | None = None
    foreign: int = 0
    input_hash: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    limits: Limits | None = None
    engine: str = "local"
    workers: dict[str, int] = Field(default_factory=dict)
    stopped: str = ""
    outcomes: dict[str, int] = Field(default_factory=dict)
    usage: dict[str, dict[str, float]] = Field(default_factory=dict)
    journal_bytes: int | None = None


class Manifest(BaseModel, extra="forbid"):
    """What a run is.

    Args:
        format: Version of the run folder's format.
        graph: The compiled graph's name.
        method: Where the method stands that the run is of, `module:name`; empty for a graph alone.
        samples: Rows for each input.
        shard: Which part of its input it does, as `3/16`; empty for all of it.
        fingerprint: See `dikast.jobs.fingerprint`.
        context: The graph's context as JSON, actors as their specs.
        settings: Whatever the caller resolved: the flags of the command line.
        attempts: Oldest first.
    """

    format: int = FORMAT
    graph: str
    method: str = ""
    samples: int
    shard: str = ""
    fingerprint: dict[str, Any]
    context: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    attempts: list[Attempt] = Field(min_length=1)


def now() -> str:
    """The time as manifests write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Python's version and those of the packages that are installed, plugins in use among them."""
    found = {"python": ".".join(str(number) for number in sys.version_info[:3])}
    return found | {package: known for package in packages if (known := installed(package))} | used()


@cache
def installed(package: str) -> str:
    """A package's version, empty if it is not installed; asked once, since all of them together take 10 ms."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def changed_versions(old: dict[str, str], new: dict[str, str]) -> str:
    """The packages whose version changed, for a person; empty if none did."""
    names = sorted(old.keys() | new.keys())
    pairs = [(name, old.get(name, "none"), new.get(name, "none")) for name in names]
    return ", ".join(f"{name} {before} -> {after}" for name, before, after in pairs if before != after)


def differences(old: Any, new: Any, where: str = "") -> list[tuple[str, Any, Any]]:
    """Where two fingerprints differ: (field, old value, new value), as deep as both have the field.

    A list is gone into where both have as many items: `context.judges.0.prompts.4.digest` says more than two lists do.
    """
    if isinstance(old, list) and isinstance(new, list) and len(cast(list[Any], old)) == len(cast(list[Any], new)):
        old, new = numbered(cast(list[Any], old)), numbered(cast(list[Any], new))
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [(where, old, new)]
    before, after = cast(dict[str, Any], old), cast(dict[str, Any], new)
    found: list[tuple[str, Any, Any]] = []
    for name in [*before, *(name for name in after if name not in before)]:
        inner = f"{where}.{name}" if where else name
        found += differences(before.get(name, ABSENT), after.get(name, ABSENT), inner)
    return found


def numbered(items: list[Any]) -> dict[str, Any]:
    """A list's items by their places."""
    return {str(place): item for place, item in enumerate(items)}


def read_manifest(folder: Path) -> Manifest:
    """Read a run folder's manifest.

    Raises:
        DataError: There is none, or it is not one of ours.
    """
    path = folder / NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        what = "no such run folder" if not folder.exists() else f"not a run folder: {NAME}: {error.strerror}"
        raise DataError(what, path=folder, hint="'dikast runs list' shows those that there are") from error
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        hint = "restore it, or start over in another folder"
        raise DataError(f"not a manifest: {first['msg']}", path=path, field=where or None, hint=hint) from error
    if manifest.format != FORMAT:
        raise DataError(
            f"format {manifest.format}; this dikast reads {FORMAT}", path=path, hint="use the dikast it was made by"
        )
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace a run folder's manifest, all or nothing.

    Raises:
        OSError: It cannot be written.
    """
    beside = folder / f"{NAME}.new"
    with beside.open("wb") as file:
        file.write(manifest.model_dump_json(indent=1).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / NAME)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power failure."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
