"""What the system refuses is told in one line: path, cause, and a remedy that is true for it."""

from __future__ import annotations

import errno
import io
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dikast import disk
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.gguf import read_header
from dikast.agents.models.replay import read
from dikast.disk import make_folder, refused, remedy_of
from dikast.errors import DataError, DikastError
from dikast.evaluation.axes import read_axes
from dikast.files import open_text, write_text
from dikast.graphs.astral.news import lines_of
from dikast.graphs.astral.options import read_policy
from dikast.graphs.astral.vault import FileVault
from dikast.graphs.genqr.weights import read_weights
from dikast.jobs.files import LineFile
from dikast.jobs.folder import open_folder
from dikast.retrieval.index import Index
from dikast.retrieval.retriever import Hit
from dikast.retrieval.trec import read_qrels, write_run
from dikast.rows import read_rows
from dikast.settings import read_toml
from dikast.tables.oracle import file_digest
from tests.users import unprivileged

OTHER_FILE, OTHER_FOLDER, NAME = "choose another file", "choose another folder", "choose another name"
AGAIN = "give the same command again"
ANYWHERE = {
    "ENOTDIR": "part of the path is a file",
    "ENAMETOOLONG": "shorter",
    "ELOOP": "symbolic links",
    "EMFILE": "ulimit -n",
    "ENFILE": "end other programs",
    "ENOMEM": "memory is used up",
    "EIO": "the disk or its connection fails",
    "ESTALE": "mount it anew",
    "ETIMEDOUT": "network file system does not answer",
    "EHOSTDOWN": "network file system does not answer",
    "EHOSTUNREACH": "network file system does not answer",
    "ENOTCONN": "network file system does not answer",
    "EBUSY": "another program is using it",
    "ETXTBSY": "a program that runs",
    "ENOLCK": "no locks",
    "EOPNOTSUPP": "on another",
    "ENOSYS": "on another",
    "EINVAL": "on another",
    "ENXIO": "nothing is connected",
    "ENODEV": "nothing is connected",
    "EOVERFLOW": "too large for this system",
}
READ = {**ANYWHERE, "EACCES": "have it given to you", "EPERM": "have it given to you", "EISDIR": "it is a folder"}
WRITTEN = {
    **ANYWHERE,
    "EACCES": OTHER_FILE,
    "EPERM": OTHER_FILE,
    "EISDIR": NAME,
    "EEXIST": NAME,
    "ENOTEMPTY": NAME,
    "ENOSPC": "free some space",
    "EDQUOT": "quota",
    "EFBIG": "ulimit -f",
    "EROFS": "read-only",
    "EXDEV": "on the same one",
}
TEXT = ("save", "UTF-8", "chmod")
"""What no remedy for the system's errors may advise."""


def error_of(name: str, path: Path) -> OSError:
    number = getattr(errno, name)
    return OSError(number, os.strerror(number), str(path))


@pytest.mark.parametrize(("name", "words"), READ.items())
def test_each_errno_of_a_read_has_its_remedy(tmp_path: Path, name: str, words: str) -> None:
    told = str(refused(error_of(name, tmp_path / "x"), tmp_path / "x"))
    assert told.startswith(f"{tmp_path / 'x'}: cannot be read: {os.strerror(getattr(errno, name))} (")
    assert words in told
    assert "{" not in told


@pytest.mark.parametrize(("name", "words"), WRITTEN.items())
def test_each_errno_of_a_write_has_its_remedy(tmp_path: Path, name: str, words: str) -> None:
    told = str(refused(error_of(name, tmp_path / "x"), tmp_path / "x", "written"))
    assert told.startswith(f"{tmp_path / 'x'}: cannot be written: {os.strerror(getattr(errno, name))} (")
    assert words in told
    folder = remedy_of(error_of(name, tmp_path), tmp_path, "written", "folder")
    assert folder == told.split(" (", 1)[1][:-1].replace("another file", "another folder") or "folder" in folder


def test_the_tables_hold_no_errno_that_is_not_tried() -> None:
    numbers = {getattr(errno, name) for name in (*READ, *WRITTEN)}
    assert {*disk.REMEDIES, *disk.WHEN_READ, *disk.WHEN_WRITTEN} == numbers


@pytest.mark.parametrize("error", [OSError(errno.ENOTBLK, "x"), OSError("no number"), ValueError("x"), OSError()])
def test_what_is_not_known_has_no_remedy(error: Exception, tmp_path: Path) -> None:
    assert remedy_of(error, tmp_path) == ""
    assert str(refused(error, tmp_path)).startswith(f"{tmp_path}: cannot be read: ")


def test_what_is_missing_is_told_by_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").touch()
    (tmp_path / "link.csv").symlink_to("gone.csv")
    missing = error_of("ENOENT", tmp_path)
    assert remedy_of(missing, tmp_path / "pairs.cvs") == f"did you mean '{tmp_path / 'pairs.csv'}'?"
    assert remedy_of(missing, tmp_path / "zzzz") == "check the path"
    no_folder = f"there is no folder '{tmp_path / 'none'}'"
    assert remedy_of(missing, tmp_path / "none" / "x") == f"{no_folder}: check the path"
    assert remedy_of(missing, tmp_path / "none" / "x", "written") == f"{no_folder}: make it"
    assert "symbolic link to what is not there" in remedy_of(missing, tmp_path / "link.csv")
    assert "if it was moved or deleted" in remedy_of(missing, tmp_path / "run", "written", "folder")
    assert remedy_of(missing, Path("a\0b")) == "check the path"


def consume(rows: Any) -> None:
    for _ in rows:
        pass


def read_all(path: Path) -> None:
    with open_text(path) as file:
        file.read()


READERS: list[Callable[[Path], object]] = [
    read_all,
    lambda path: consume(read_rows(path.with_suffix(".csv"))),
    lambda path: consume(read_rows(path.with_suffix(".parquet"))),
    lambda path: read_toml(path),
    lambda path: read_axes(path.with_suffix(".toml")),
    lambda path: read_qrels(str(path)),
    lambda path: Index.open(path),
    lambda path: read_header(path),
    lambda path: consume(read(path)),
    lambda path: lines_of(path),
    lambda path: read_policy(path),
    lambda path: read_weights(str(path)),
    lambda path: file_digest(path),
]


@pytest.mark.parametrize("name", [name for name in READ if name != "ENOSYS"])
@pytest.mark.parametrize("door", READERS)
def test_each_reader_tells_path_cause_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: Callable[[Path], object], name: str
) -> None:
    for suffix in ("", ".csv", ".parquet", ".toml"):
        (tmp_path / f"x{suffix}").write_text("x")

    def fails(path: str | Path, *_: Any, **__: Any) -> Any:
        raise error_of(name, Path(path))

    monkeypatch.setattr(io, "open", fails)
    with pytest.raises(DikastError) as told:
        door(tmp_path / "x")
    assert str(tmp_path / "x") in told.value.message
    assert os.strerror(getattr(errno, name)) in told.value.message
    assert READ[name] in told.value.hint
    assert not [word for word in TEXT if word in told.value.hint]


@pytest.mark.parametrize("door", READERS)
@pytest.mark.parametrize("place", ["folder", "below a file", "circle", "long", "missing", "closed"])
def test_each_reader_before_a_real_obstacle(tmp_path: Path, door: Callable[[Path], object], place: str) -> None:
    obstacles: dict[str, tuple[Path, str]] = {
        "folder": (tmp_path / "folder", "a folder"),
        "below a file": (tmp_path / "file" / "x", "part of the path is a file"),
        "circle": (tmp_path / "circle", "symbolic links"),
        "long": (tmp_path / ("x" * 300), "shorter"),
        "missing": (tmp_path / "none", ""),
        "closed": (tmp_path / "closed", "no permission"),
    }
    for suffix in ("", ".csv", ".parquet", ".toml"):
        (tmp_path / f"folder{suffix}").mkdir()
        (tmp_path / f"file{suffix}").touch()
        (tmp_path / f"circle{suffix}").symlink_to(f"circle{suffix}")
        (tmp_path / f"closed{suffix}").write_text("x")
        (tmp_path / f"closed{suffix}").chmod(0)
    path, words = obstacles[place]
    open_to_all(tmp_path)
    with unprivileged(), pytest.raises(DikastError) as told:
        door(path)
    assert str(path)[:100] in told.value.message
    assert "\n" not in str(told.value)
    assert told.value.hint
    assert words in told.value.hint


def open_to_all(path: Path) -> None:
    for folder in (path, *path.parents):
        if folder.owner() == "root" and folder.name.startswith(("pytest-", "popen-", "test_")):
            folder.chmod(0o755)


@contextmanager
def limited(what: int, value: int) -> Generator[None]:
    soft, hard = resource.getrlimit(what)
    resource.setrlimit(what, (value, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (soft, hard))


def fill(path: Path) -> None:
    write_text(path, "x" * 100_000)


def rank(path: Path) -> None:
    write_run(path, {"q": [Hit(f"d{at}", 1.0 / at) for at in range(1, 5000)]}, "t")


@pytest.mark.parametrize("door", [fill, rank])
def test_writers_before_real_obstacles(tmp_path: Path, door: Callable[[Path], object]) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "full").mkdir(parents=True)
    cases = [(tmp_path / "file" / "x", ""), (tmp_path / "folder", "name"), (tmp_path / "none" / "x", "make it")]
    for path, words in cases:
        with pytest.raises(DataError) as told:
            door(path)
        assert str(path) in told.value.message
        assert words in told.value.hint
        assert told.value.hint
    with limited(resource.RLIMIT_FSIZE, 10_000), pytest.raises(DataError) as told:
        door(tmp_path / "big")
    assert "ulimit -f" in told.value.hint
    assert [path.name for path in tmp_path.iterdir() if "big" in path.name] == []
    with pytest.raises(DataError) as told:
        door(tmp_path / ("x" * 300))
    assert "shorter" in told.value.hint


def test_a_full_device_is_a_full_disk() -> None:
    with pytest.raises(DataError, match=r"/dev/full: cannot be written: No space left on device \(the disk is full"):
        rank(Path("/dev/full"))


def test_too_many_open_files(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    taken = os.open(os.devnull, os.O_RDONLY)
    os.close(taken)
    with limited(resource.RLIMIT_NOFILE, taken), pytest.raises(DataError, match=r"Too many open files .*ulimit -n"):
        read_all(tmp_path / "x")


def test_a_program_that_runs_is_not_overwritten(tmp_path: Path) -> None:
    program = tmp_path / "sleeper"
    shutil.copy(shutil.which("sleep") or "", program)
    running = subprocess.Popen([program, "60"])
    try:
        told = pytest.raises(DataError, match=r"sleeper: cannot be written: Text file busy \(it is a program that runs")
        with told, disk.told_if_refused(program, "written"), program.open("r+b"):
            pass
    finally:
        running.kill()
        running.wait()


def make_run(path: Path) -> None:
    with open_folder(path, None):
        pass


@pytest.mark.parametrize("door", [make_run, make_folder])
def test_folders_before_real_obstacles(tmp_path: Path, door: Callable[[Path], object]) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "closed").mkdir(mode=0o555)
    for path, words in [
        (tmp_path / "file" / "x", "part of the path is a file: choose another folder"),
        (tmp_path / "file", "choose another"),
        (tmp_path / "circle" / "x", "name the folder itself"),
        (tmp_path / ("x" * 300), "shorter"),
        (tmp_path / "closed" / "x", "no permission: choose another folder"),
        (Path("/proc/none"), ""),
    ]:
        open_to_all(tmp_path)
        with unprivileged(), pytest.raises(DikastError) as told:
            door(path)
        assert str(path)[:100] in str(told.value)
        assert words in told.value.hint
        assert told.value.hint


@pytest.mark.parametrize(("name", "words"), [*WRITTEN.items(), ("ENOTBLK", "what was finished before is kept")])
def test_a_journal_tells_each_errno(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str) -> None:
    def fails(*_: Any) -> int:
        raise error_of(name, tmp_path)

    file = LineFile(tmp_path / "rows.jsonl")
    monkeypatch.setattr(os, "write", fails)
    with pytest.raises(DataError) as told:
        file.append(b"{}\n")
    monkeypatch.undo()
    file.close()
    assert str(tmp_path / "rows.jsonl") in told.value.message
    assert words.replace("another file", "another folder") in told.value.hint


@pytest.mark.parametrize(("name", "words"), WRITTEN.items())
def test_a_cache_tells_each_errno_and_that_there_are_other_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error_of(name, tmp_path)

    monkeypatch.setattr(Path, "mkdir", fails)
    with pytest.raises(DataError) as told:
        RequestCache(tmp_path / "cache" / "c.sqlite").open()
    assert words in told.value.hint
    assert told.value.hint.endswith("name another file with --cache")


@pytest.mark.parametrize("name", WRITTEN)
def test_a_writer_tells_each_errno(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error_of(name, tmp_path)

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", fails)
    for door in (fill, rank):
        with pytest.raises(DataError) as told:
            door(tmp_path / "x")
        assert WRITTEN[name] in told.value.hint


def test_the_vault_says_what_becomes_of_the_case(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"Not a directory \(a part of the path .*; the case is not finished"):
        FileVault(tmp_path / "file" / "x").keep({"case": "c"})
