"""Several run folders of one fingerprint as one: the parts of a job that several machines did.

    merged = merge([Path("runs/x-1"), Path("runs/x-2")], Path("runs/x"))

The folder that is made is a run like any other: shown, exported, done again, gone on with. Those it is made of stay as
they are. Lines are copied as they stand, so that what the rows cost is still told. A row that several folders finished
is taken from one of them, from one where it did not fail if there is any.

Not here: what a method keeps in folders of its own below the run's (stages of rounds); it is told, and left.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, cast

from dikast.errors import DataError, ResumeMismatchError, UsageError
from dikast.jobs.current import hash_of, read_keys, split, write_keys
from dikast.jobs.files import LineFile, decode, explain_os_errors, is_row
from dikast.jobs.folder import ERRORS, OURS, ROWS, shown
from dikast.jobs.manifest import NAME, Attempt, Manifest, differences, now, versions, write_manifest
from dikast.jobs.reading import Run
from dikast.jobs.shards import Shard
from dikast.jobs.summary import Summary, Tally, summarise

SHOWN = 8
"""How many missing parts a note lists."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A folder that is merged: its run, its rows' keys, and how those that it has ended."""

    run: Run
    keys: list[bytes]
    tally: Tally = field(default_factory=Tally)

    @property
    def path(self) -> Path:
        return self.run.path

    @property
    def manifest(self) -> Manifest:
        return self.run.manifest


def merge(folders: Sequence[Path], out: Path) -> Summary:
    """Make one run folder of several.

    Args:
        folders: Run folders, whole or unfinished; nobody writes to them.
        out: The folder that is made; there is none yet, or an empty one.

    Returns:
        How the merged run stands, with what a person should know in its notes.

    Raises:
        UsageError: One is being written, one is named twice, or `out` is not empty.
        ResumeMismatchError: Two of them were made with other settings.
        DataError: One is no run folder, is damaged, or did not come to the end of its input; or the disk takes no more.
    """
    refuse_taken(out)
    parts = [open_part(path) for path in refuse_twice(folders)]
    for part in parts[1:]:
        refuse_other(parts[0], part)
    keys = keys_of(parts)
    owners, twice = owners_of(parts)
    with explain_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        try:
            tally, left = fill(beside, parts, owners)
            manifest = manifest_of(parts, keys, tally, out, (beside / ROWS).stat().st_size)
            write_keys(beside, b"".join(keys))
            write_manifest(beside, manifest)
            beside.chmod(parts[0].path.stat().st_mode & 0o777)
            beside.rename(out)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
    summary = summarise(out, manifest, tally)
    notes = [
        *missing(parts),
        *([f"{twice} rows were finished in several folders; one of each is kept"] if twice else []),
    ]
    notes += [f"left where it is: {name}" for name in left]
    return replace(summary, notes=(*summary.notes, *notes))


def refuse_taken(out: Path) -> None:
    """Refuse a folder that holds something.

    Raises:
        UsageError: It does, or it is a file.
    """
    with explain_os_errors(out, "read"):
        taken = out.exists() and (not out.is_dir() or any(out.iterdir()))
    if taken:
        raise UsageError(f"{out} is there already", hint="name a new folder: merging changes nothing that is there")


def refuse_twice(folders: Sequence[Path]) -> Sequence[Path]:
    """The folders, if each is named once and there are some.

    Raises:
        UsageError: One is named twice, or none is.
    """
    if not folders:
        raise UsageError("there is nothing to merge", hint="name the run folders")
    often = [path for path, count in Counter(path.resolve() for path in folders).items() if count > 1]
    if often:
        raise UsageError(f"{often[0]} is named twice")
    return folders


def open_part(path: Path) -> _Part:
    """A folder to merge.

    Raises:
        UsageError: It is being written.
        DataError: It is no run folder, or which rows its input has is not known.
    """
    run = Run.open(path)
    if run.active:
        raise UsageError(f"{path} is being written", hint="wait until it has ended, or stop it")
    keys = read_keys(path, run.manifest)
    if keys is None:
        hint = "give its command once more, which need not do all of its rows"
        raise DataError("which rows its input has is not written down", path=path, hint=hint)
    part = _Part(run, split(keys))
    part.tally.read_file(path / ROWS)
    part.tally.leave_out(set(part.keys))
    return part


def refuse_other(first: _Part, part: _Part) -> None:
    """Refuse a folder that was made with other settings, or of another graph.

    Raises:
        ResumeMismatchError: It was.
    """
    found = differences(first.manifest.fingerprint, part.manifest.fingerprint)
    if found:
        name, one, other = found[0]
        more = f", and {len(found) - 1} more" if found[1:] else ""
        told = f"{first.path} and {part.path} were made with other settings: {name} is {shown(one)} and {shown(other)}"
        raise ResumeMismatchError(f"{told}{more}", hint="merge runs of the same command")


def keys_of(parts: Sequence[_Part]) -> list[bytes]:
    """The keys of the merged run's rows, each once; of parts of one input in the input's order."""
    shards = [Shard.parse(part.manifest.shard) if part.manifest.shard else None for part in parts]
    whole = cast("list[Shard]", shards) if all(shards) else []
    if len({shard.count for shard in whole}) == 1 and len(set(whole)) == len(whole):
        samples = parts[0].manifest.samples
        ordered = sorted(zip(whole, parts, strict=True), key=lambda pair: pair[0].number)
        columns = [list(zip(*[iter(part.keys)] * samples, strict=True)) for _, part in ordered]
        every: Iterable[bytes] = (key for row in zip_longest(*columns) for keys in row if keys for key in keys)
    else:
        every = (key for part in parts for key in part.keys)
    return list(dict.fromkeys(every))


def owners_of(parts: Sequence[_Part]) -> tuple[dict[bytes, int], int]:
    """Key -> the place of the folder whose lines are taken, and how many keys several folders have finished."""
    owners: dict[bytes, int] = {}
    again: set[bytes] = set()
    for place, part in enumerate(parts):
        for key, outcome in part.tally.ends.items():
            before = owners.get(key)
            if before is not None:
                again.add(key)
                if outcome.failed or not parts[before].tally.ends[key].failed:
                    continue
            owners[key] = place
    return owners, len(again)


def fill(folder: Path, parts: Sequence[_Part], owners: dict[bytes, int]) -> tuple[Tally, list[str]]:
    """Write the journal, tracebacks and what methods keep beside them; what was left out is told."""
    tally, left = Tally(), list[str]()
    rows, errors = LineFile(folder / ROWS), LineFile(folder / ERRORS)
    try:
        for place, part in enumerate(parts):
            for line, record in lines_of(part.path / ROWS):
                if owners.get(bytes.fromhex(record["key"])) == place:
                    rows.write(line)
                    tally.read([record])
            left += beside_rows(folder, part, place, owners, errors)
        rows.sync()
        errors.sync()
    finally:
        rows.close()
        errors.close()
    if not (folder / ERRORS).stat().st_size:
        (folder / ERRORS).unlink()
    shutil.copymode(parts[0].path / NAME, folder / ROWS)
    return tally, left


def lines_of(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The rows of a journal with their lines; an absent file is empty."""
    for line in whole_lines(path):
        record = decode(line)
        if record is not None and is_row(record):
            yield line, record


def beside_rows(folder: Path, part: _Part, place: int, owners: dict[bytes, int], errors: LineFile) -> list[str]:
    """Add a part's tracebacks and the methods' own files of lines; the names of what is left."""
    for line in whole_lines(part.path / ERRORS):
        record = decode(line)
        key = record.get("key") if record else None
        if isinstance(key, str) and owners.get(bytes.fromhex(key)) == place:
            errors.write(line)
    left: list[str] = []
    for entry in sorted(part.path.iterdir()):
        if entry.name in OURS:
            continue
        if entry.is_file() and entry.suffix == ".jsonl":
            add_lines(entry, folder / entry.name)
        else:
            left.append(str(entry))
    return left


def whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file that end in a line feed; an absent file is empty."""
    if path.exists():
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))


def add_lines(source: Path, target: Path) -> None:
    """Append a file's lines to another, which is as private as it is."""
    with target.open("ab") as file:
        shutil.copymode(source, target)
        file.writelines(whole_lines(source))


def manifest_of(parts: Sequence[_Part], keys: Sequence[bytes], tally: Tally, out: Path, size: int) -> Manifest:
    """The merged run's manifest: the attempts of all, and one more, which is the merging."""
    first = parts[0].manifest
    before = [
        # Their inputs were parts: the numbers of rows are those that the journal has.
        attempt.model_copy(update={"input_hash": None, "foreign": 0})
        for part in parts
        for attempt in part.manifest.attempts
    ]
    told = now()
    last = Attempt(
        started=told,
        finished=told,
        asked=len(keys),
        input_hash=hash_of(b"".join(keys)),
        versions=versions(),
        limits=first.attempts[-1].limits,
        outcomes={outcome.value: count for outcome, count in tally.counts().items()},
        usage={role: usage.as_dict() for role, usage in tally.usage.items()},
        journal_bytes=size,
    )
    context = in_folder(first.context, str(parts[0].path.resolve()), str(out.resolve()))
    attempts = [*sorted(before, key=lambda attempt: attempt.started), last]
    return first.model_copy(update={"shard": "", "context": context, "attempts": attempts})


def in_folder(value: Any, old: str, new: str) -> Any:
    """A context's JSON in which files of one folder are those of another."""
    if isinstance(value, dict):
        return {name: in_folder(inner, old, new) for name, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [in_folder(inner, old, new) for inner in cast("list[Any]", value)]
    return value.replace(f"{old}/", f"{new}/") if isinstance(value, str) else value


def missing(parts: Sequence[_Part]) -> list[str]:
    """A note on the parts of an input that are not among the folders; none if none is missing."""
    shards = [Shard.parse(part.manifest.shard) for part in parts if part.manifest.shard]
    if not shards:
        return []
    there, count = {shard.number for shard in shards}, shards[0].count
    lacking = [str(number) for number in range(1, count + 1) if number not in there]
    if not lacking:
        return []
    listed = ", ".join(lacking[:SHOWN]) + (", ..." if lacking[SHOWN:] else "")
    return [f"parts {listed} of {count} are not among them; the run's command, without --shard, does their rows"]
