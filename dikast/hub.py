"""Rows of a data set on the Hugging Face hub, or in a folder laid out as one there.

    hf:ORG/NAME                          its only split
    hf:ORG/NAME:test                     a split
    hf:ORG/NAME:test?config=en           of a configuration
    hf:ORG/NAME?revision=9f2c1d          as it was then: a commit, a tag, a branch
    hf:/data/mine:train                  a folder

`dikast.rows.read_rows` takes these wherever it takes a file. Rows are streamed, so that memory holds a few of them and
a large data set is read no further than it is asked for; a job goes through them twice. A branch is resolved to its
commit once in a process, so that both passes see the same rows, and the commit is what `sources` tells.

A data set is foreign: none of its code runs (`datasets` >= 4 has no loading scripts, and only its readers of tables and
text are let pass here, none of which unpickles), and what it says of its own files may not lead out of it: a README
that names a file of this machine, or of another host, is refused.

The token, where one is needed, is the environment's (`HF_TOKEN`) or that of `hf auth login`; it is written nowhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dikast.errors import DataError, UsageError
from dikast.optional import needs

SCHEME = "hf:"
EXTRA = "hf"
FORM = "hf:ORG/NAME[:SPLIT][?config=NAME&revision=COMMIT], or hf:/FOLDER in place of ORG/NAME"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")
SPLIT = re.compile(r"\w[\w.-]{0,95}")
OPTIONS = ("config", "revision")
READERS = frozenset({"csv", "json", "parquet", "arrow", "text"})
"""Of the readers that `datasets` has, those of tables and text; others decode pictures, archives, programs' files."""
SHOWN = 10
"""Configurations or splits that a message lists."""


@dataclass(frozen=True, slots=True)
class Source:
    """A data set that was named.

    Args:
        text: The name as it was given.
        place: `ORG/NAME`, or a folder.
        split: Which; empty for the only one.
        config: Which configuration; empty for the only or default one.
        revision: A commit, tag or branch; empty for the newest.
    """

    text: str
    place: str
    split: str
    config: str
    revision: str

    @property
    def local(self) -> bool:
        """Whether it is a folder."""
        return self.place.startswith(("/", ".", "~"))

    def error(self, message: str, hint: str = "") -> DataError:
        """An error that names the data set."""
        return DataError(message, path=self.text, hint=hint)


def is_hub(path: str | Path) -> bool:
    """Whether a user's file is a data set of the hub's."""
    return str(path).startswith(SCHEME)


def parse_source(text: str) -> Source:
    """Read `hf:ORG/NAME:split?config=...`.

    Raises:
        UsageError: It is not of that form.
    """
    main, _, tail = text.removeprefix(SCHEME).partition("?")
    place, _, split = main.partition(":")
    given = dict(pair.split("=", 1) for pair in tail.split("&") if "=" in pair)
    wrong = [name for name in given if name not in OPTIONS] or [
        pair for pair in tail.split("&") if pair and "=" not in pair
    ]
    if wrong:
        raise UsageError(f"{text}: no option {wrong[0]!r}", hint=FORM)
    found = Source(text, place, split, given.get("config", ""), given.get("revision", ""))
    if not place or not (found.local or NAME.fullmatch(place)) or (split and not SPLIT.fullmatch(split)):
        raise UsageError(f"{text!r} names no data set", hint=FORM)
    return found


def rows_of(text: str) -> Iterator[Mapping[str, object]]:
    """The rows of a data set, one after another.

    Raises:
        UsageError: The name is of another form, or says no split where there are several.
        DataError: There is no such data set, configuration, split or revision, it is gated, cannot be reached or read.
        MissingExtraError: `datasets` is not installed.
    """
    source = parse_source(text)
    opened = open_split(source)
    # Bytes as they lie: nothing is decoded into pictures or sound. Without features there is nothing to decode.
    return guarded(source, opened if opened.features is None else opened.decode(False))


def guarded(source: Source, rows: Any) -> Iterator[Mapping[str, object]]:
    """The rows; what the library raises on the way is told as ours."""
    number, going = 0, iter(rows)
    while True:
        try:
            row: Mapping[str, object] = next(going)
        except StopIteration:
            return
        except Exception as error:  # Arrow's, the HTTP client's, the library's own: they share no base
            raise source.error(f"cannot be read after row {number}: {why(error)}") from error
        number += 1
        yield row


def names_of(text: str) -> list[str] | None:
    """The columns, where the data set says them; `None` where only its rows do."""
    features = open_split(parse_source(text)).features
    return None if features is None else list(features)


def open_split(source: Source) -> Any:
    """The split as `datasets` streams it."""
    builder = open_builder(source)
    splits = splits_of(builder)
    split = source.split or (splits[0] if len(splits) == 1 else "")
    if split not in splits:
        asked = f"no split {split!r}" if split else "several splits, and none is named"
        shown = ", ".join(splits[:SHOWN])
        example = f"hf:{source.place}:{splits[0]}" if splits else FORM
        raise source.error(asked, f"there are {shown or 'none'}; write {example}")
    try:
        return builder.as_streaming_dataset(split=split)
    except Exception as error:
        raise source.error(f"cannot be read: {why(error)}") from error


def splits_of(builder: Any) -> list[str]:
    """The names of a data set's splits."""
    files: Mapping[str, object] = builder.config.data_files or {}
    said: Mapping[str, object] = builder.info.splits or {}
    return list(files) or list(said)


@cache
def open_builder(source: Source) -> Any:
    """What `datasets` reads the data set with, at one commit.

    Raises:
        DataError: There is none, it may not be read, or it is not made of tables and text of its own.
    """
    library = load_library()
    commit = "" if source.local else resolve(source)
    place = str(Path(source.place).expanduser().resolve()) if source.local else source.place
    if source.local and not Path(place).is_dir():
        raise source.error("no such folder", f"{FORM}; a file is given without hf:")
    if source.local and source.revision:
        raise source.error("a folder has no revisions", "leave revision out")
    try:
        builder = library.load_dataset_builder(place, source.config or None, revision=commit or None)
    except Exception as error:
        raise told(source, error) from error
    refuse_others(source, builder, f"{place}/" if source.local else f"hf://datasets/{source.place}@{commit}/")
    return builder


def refuse_others(source: Source, builder: Any, home: str) -> None:
    """Refuse a data set of another kind than tables and text, or with files that are not its own.

    Raises:
        DataError: It is one.
    """
    if builder.name not in READERS:
        hint = f"rows are read from {', '.join(sorted(READERS))}"
        raise source.error(f"it is made of {builder.name!r}, which is not read here", hint)
    files: Mapping[str, list[Any]] = builder.config.data_files or {}
    for name in (str(one) for listed in files.values() for one in listed):
        inside = name.startswith(home) and ".." not in name.removeprefix(home).split("/")
        if inside and source.local:
            inside = f"{Path(name).resolve()}".startswith(home)
        if not inside:
            raise source.error(
                f"its README names a file that is not its own: {name!r:.200}", "do not use this data set"
            )


@cache
def resolve(source: Source) -> str:
    """The commit that a data set's revision is now.

    Raises:
        DataError: There is no such data set or revision, it is gated, or the hub cannot be reached.
    """
    hub = needs("huggingface_hub", EXTRA)
    try:
        return str(hub.HfApi().dataset_info(source.place, revision=source.revision or None, timeout=30).sha)
    except Exception as error:
        raise told(source, error) from error


def told(source: Source, error: Exception) -> DataError:
    """What the hub's client raised, as one line with its remedy."""
    chain = [type(one).__name__ for one in causes(error)]
    login = "set HF_TOKEN, or log in with 'hf auth login'"
    if "GatedRepoError" in chain:
        return source.error("the data set is gated", f"accept its terms on the hub; then {login}")
    if "RevisionNotFoundError" in chain:
        return source.error(f"no revision {source.revision or 'main'!r}", "a commit, a tag or a branch of it")
    if "RepositoryNotFoundError" in chain or "DatasetNotFoundError" in chain:
        return source.error("no such data set, or it is private", f"look at its name; for a private one {login}")
    if "OfflineModeIsEnabled" in chain:
        return source.error("the hub may not be reached", "unset HF_HUB_OFFLINE, or give a folder: hf:/FOLDER")
    if any("Connect" in name or "Timeout" in name for name in chain):
        return source.error(
            f"the hub cannot be reached: {why(error)}", "is there a network? HF_ENDPOINT names a mirror"
        )
    if "scripts are no longer supported" in str(error):
        return source.error("it is a loading script, and no code of a data set is run", "ask for Parquet files of it")
    if "EmptyDatasetError" in chain or "DataFilesNotFoundError" in chain or isinstance(error, FileNotFoundError):
        return source.error(
            "it has no file that can be read as rows", f"rows are read from {', '.join(sorted(READERS))}"
        )
    if "BuilderConfig" in str(error) or "Config name is missing" in str(error):
        return source.error(f"no configuration {source.config!r}: {why(error)}", "hf:...?config=NAME")
    return source.error(f"cannot be opened: {why(error)}")


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it came of."""
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__ or one.__context__


def why(error: Exception) -> str:
    """The first line of what an exception says."""
    return f"{type(error).__name__}: {(str(error).strip() or 'no reason').splitlines()[0]:.200}"


@cache
def load_library() -> Any:
    """`datasets`, which reports nobody what is used, and draws no bars."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    library = needs("datasets", EXTRA)
    library.disable_progress_bars()
    library.logging.set_verbosity_error()
    return library


def sources(settings: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Of settings that name data sets: place, configuration, split and commit of each, for the manifest."""
    found: dict[str, dict[str, str]] = {}
    for text in (str(value) for value in settings.values() if isinstance(value, str | Path) and is_hub(value)):
        source = parse_source(text)
        split = source.split or splits_of(open_builder(source))[0]
        known = {"place": source.place, "config": source.config, "split": split}
        found[text] = known if source.local else {**known, "commit": resolve(source)}
    return found
