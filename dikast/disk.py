"""What to do when the system refuses a file: a remedy that is true for the errno, the path, and what was tried.

    except OSError as error:
        raise refused(error, path, "written") from error
    # x.csv: cannot be written: No space left on device (the disk is full: free some space and ...)

An errno that is not in the tables has no remedy: none is better than a wrong one.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Literal

from dikast.errors import DataError

Done = Literal["read", "written"]
Place = Literal["file", "folder"]

LOOKED_AT = 1000
"""Names of a folder at most, for the one that was meant."""
AGAIN = "give the same command again"
UNANSWERED = f"the network file system does not answer: when it does, {AGAIN}"
UNABLE = "this file system cannot do it: choose a {place} on another"
REMEDIES: Mapping[int, str] = {
    errno.ENOTDIR: "a part of the path is a file: choose another {place}",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
    errno.ELOOP: "its symbolic links lead nowhere but to themselves: name the {place} itself",
    errno.EMFILE: f"this process has too many files open: raise its limit (ulimit -n) and {AGAIN}",
    errno.ENFILE: f"the machine has too many files open: end other programs and {AGAIN}",
    errno.ENOMEM: f"the machine's memory is used up: free some and {AGAIN}",
    errno.EIO: f"the disk or its connection fails: the system's log says more; when it is mended, {AGAIN}",
    errno.ESTALE: f"the network file system has lost it: mount it anew and {AGAIN}",
    errno.ETIMEDOUT: UNANSWERED,
    errno.EHOSTDOWN: UNANSWERED,
    errno.EHOSTUNREACH: UNANSWERED,
    errno.ENOTCONN: UNANSWERED,
    errno.EBUSY: f"another program is using it: when that has ended, {AGAIN}",
    errno.ETXTBSY: f"it is a program that runs: when that has ended, {AGAIN}",
    errno.ENOLCK: "this file system has no locks to give: choose a {place} on another",
    errno.EOPNOTSUPP: UNABLE,
    errno.ENOSYS: UNABLE,
    errno.EINVAL: UNABLE,
    errno.ENXIO: "nothing is connected there: choose another {place}",
    errno.ENODEV: "nothing is connected there: choose another {place}",
    errno.EOVERFLOW: "the file is too large for this system: split it",
}
"""Whatever was tried."""

WHEN_READ: Mapping[int, str] = {
    errno.EACCES: "no permission: have it given to you, or choose another {place}",
    errno.EPERM: "no permission: have it given to you, or choose another {place}",
    errno.EISDIR: "it is a folder: give the name of a file",
}
WHEN_WRITTEN: Mapping[int, str] = {
    errno.EACCES: "no permission: choose another {place}",
    errno.EPERM: "no permission: choose another {place}",
    errno.EISDIR: "a folder is in its place: choose another name",
    errno.EEXIST: "something else is in its place: choose another name",
    errno.ENOTEMPTY: "a folder with files is in its place: choose another name",
    errno.ENOSPC: f"the disk is full: free some space and {AGAIN}",
    errno.EDQUOT: f"the disk quota is used up: free some space and {AGAIN}",
    errno.EFBIG: f"a file size limit (ulimit -f) is reached: raise it and {AGAIN}",
    errno.EROFS: "the file system is read-only: choose another {place}",
    errno.EXDEV: "it would have to change the file system: choose a {place} on the same one",
}


def remedy_of(error: BaseException, path: str | Path, done: Done = "read", place: Place = "file") -> str:
    """What to do about an error of the system's, in one line; empty where nothing is known to help.

    Args:
        error: An `OSError`; any other has no remedy here.
        path: What it is about.
        done: What was tried with it.
        place: What the user names in its place.
    """
    if not isinstance(error, OSError):
        return ""
    if error.errno == errno.ENOENT:
        return _of_missing(Path(path), done, place)
    table = {**REMEDIES, **(WHEN_READ if done == "read" else WHEN_WRITTEN)}
    return table.get(error.errno or 0, "").format(place=place)


def _of_missing(path: Path, done: Done, place: Place) -> str:
    if place == "folder":
        put_back = "if it was moved or deleted, put it back and give the same command again"
        return f"there is no such place; {put_back}, else choose another folder"
    try:
        if path.is_symlink():
            return "it is a symbolic link to what is not there: name another file"
        if not path.parent.is_dir():
            return f"there is no folder {str(path.parent)!r}: " + ("check the path" if done == "read" else "make it")
        beside = [other.name for other in islice(path.parent.iterdir(), LOOKED_AT)]
    except (OSError, ValueError):
        beside = list[str]()
    near = get_close_matches(path.name, beside, n=1)
    return f"did you mean {str(path.with_name(near[0]))!r}?" if near else "check the path"


def cause_of(error: BaseException) -> str:
    """What went wrong, in the system's words."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number else str(error) or type(error).__name__


def refused(error: BaseException, path: str | Path, done: Done = "read", place: Place = "file") -> DataError:
    """The error that names path, cause and remedy; arguments as for `remedy_of`."""
    return DataError(f"cannot be {done}: {cause_of(error)}", path=path, hint=remedy_of(error, path, done, place))


@contextmanager
def told_if_refused(path: str | Path, done: Done = "read", place: Place = "file") -> Generator[None]:
    """Turn an error of the system's about a path into one line.

    Raises:
        DataError: The system refused; arguments as for `remedy_of`.
    """
    try:
        yield
    except OSError as error:
        raise refused(error, path, done, place) from error


def make_folder(path: Path) -> None:
    """Make a folder, and those above it; one that is there is left as it is.

    Raises:
        DataError: It cannot be made.
    """
    with told_if_refused(path, "written", "folder"):
        path.mkdir(parents=True, exist_ok=True)
