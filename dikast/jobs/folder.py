"""The run folder: one writer at a time, one fingerprint, and nothing of the user's ever overwritten.

    manifest.json   what the run is            rows.jsonl     the journal
    input.keys      which rows it has now
    errors.jsonl    tracebacks                 export/        what `export` wrote
    lock            held by the writer

The lock is the kernel's (`flock`), so that a killed writer leaves none behind. Where the file system has none (Lustre
mounted without it, some NFS), a file `lock.held` that names process and host stands for it: one whose process has ended
on this host is taken over; one of another host stays until somebody deletes it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dikast.errors import ResumeMismatchError, UsageError
from dikast.jobs.current import KEYS, write_keys
from dikast.jobs.files import explain_os_errors
from dikast.jobs.manifest import NAME, Manifest, differences, read_manifest, sync_folder, write_manifest

ROWS = "rows.jsonl"
ERRORS = "errors.jsonl"
LOCK = "lock"
HELD = "lock.held"
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""What flock says where a file system has no locks."""
HOLDER = re.compile(r"process (?P<pid>[1-9]\d{0,9}) on (?P<host>.+)")
OURS = frozenset({NAME, f"{NAME}.new", KEYS, f"{KEYS}.new", ROWS, ERRORS, LOCK, HELD, "export"})
HASH = re.compile(r"[0-9a-f]{32,128}")
"""A file's content in a fingerprint: two of them tell a person nothing."""
SHOWN_CHARACTERS = 200


class Folder:
    """A run folder whose lock is held.

    Args:
        path: Where it is.
        manifest: What was there; `None` for a new run.
        aside: Whether what was there is moved aside when the new run begins.
    """

    def __init__(self, path: Path, lock: int, manifest: Manifest | None, aside: bool) -> None:
        self.path = path
        self.manifest = manifest
        self._lock = lock
        self._aside = aside

    def begin(self, manifest: Manifest, keys: bytes | None = None) -> str:
        """Write the manifest that this attempt works under; return where an older run was moved to, if it was.

        Args:
            manifest: The manifest.
            keys: Of the rows of its input; `None` leaves what is there.
        """
        moved = ""
        with explain_os_errors(self.path):
            if self._aside:
                moved = self._move_aside()
            if keys is not None:
                write_keys(self.path, keys)
            write_manifest(self.path, manifest)
            sync_folder(self.path.parent)
        self.manifest = manifest
        return moved

    def save(self, manifest: Manifest) -> None:
        """Replace the manifest."""
        with explain_os_errors(self.path):
            write_manifest(self.path, manifest)

    def _move_aside(self) -> str:
        taken = next(place for place in list_names_aside(self.path) if not place.exists())
        self.path.rename(taken)
        self.path.mkdir()
        old, self._lock = self._lock, lock_file(self.path)
        release_lock(taken, old)
        self._aside = False
        return str(taken)

    def close(self) -> None:
        """Let go of the lock; a folder that never got a manifest is taken away again."""
        if not (self.path / NAME).exists():
            with suppress(OSError):  # somebody put something in it: leave it
                (self.path / LOCK).unlink()
                (self.path / HELD).unlink(missing_ok=True)
                self.path.rmdir()
        release_lock(self.path, self._lock)


@contextmanager
def open_folder(path: Path, parts: dict[str, Any] | None, *, force_new: bool = False) -> Generator[Folder]:
    """Take a run folder's lock, making the folder if need be.

    Args:
        path: The folder.
        parts: The fingerprint of what is to be run; `None` takes what is there.
        force_new: Start a new run; what is there is moved aside when it begins.

    Raises:
        UsageError: Somebody else is writing to it, or it is a folder of something else.
        ResumeMismatchError: The run that is there has another fingerprint.
        DataError: It cannot be written, or what is there is damaged.
    """
    with explain_os_errors(path):
        refuse_foreign(path)
        path.mkdir(parents=True, exist_ok=True)
        lock = lock_file(path)
    folder = Folder(path, lock, None, False)
    try:
        if (path / NAME).exists() or (path / ROWS).exists():
            if force_new:
                folder = Folder(path, lock, None, True)
            else:
                folder.manifest = read_manifest(path)
                refuse_mismatch(path, folder.manifest, parts)
        yield folder
    finally:
        folder.close()


def refuse_foreign(path: Path) -> None:
    """Raise `UsageError` for a folder that holds something, and not a run."""
    with explain_os_errors(path, "read"):
        if not path.is_dir() or (path / NAME).exists():
            return
        other = next((entry.name for entry in path.iterdir() if entry.name not in OURS), None)
    if other is not None:
        raise UsageError(f"{path} is not a run folder: it holds {other!r}", hint="name a new or an empty folder")


def refuse_mismatch(path: Path, manifest: Manifest, parts: dict[str, Any] | None) -> None:
    """Raise `ResumeMismatchError` unless the fingerprints are equal."""
    found = differences(manifest.fingerprint, parts) if parts is not None else []
    if found:
        field, old, new = found[0]
        content = all(isinstance(value, str) and HASH.fullmatch(value) for value in (old, new))
        what = f"the content of {field} has changed" if content else f"{field} was {shown(old)}, is now {shown(new)}"
        more = f", and {len(found) - 1} more: {', '.join(name for name, _, _ in found[1:])}" if found[1:] else ""
        raise ResumeMismatchError(
            f"{path} was made with other settings: {what}{more}",
            hint="name another folder, or start over with --force-new, which keeps the old run beside it",
        )


def shown(value: object) -> str:
    """A value in a message, bounded."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


def list_names_aside(path: Path) -> Generator[Path]:
    """Names for an old run, in the order in which they are tried."""
    number = 1
    while True:
        yield path.with_name(f"{path.name}.old-{number}")
        number += 1


def lock_file(path: Path) -> int:
    """Take the folder's lock.

    Raises:
        UsageError: Somebody else has it.
    """
    handle = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, SHOWN_CHARACTERS, 0).decode(errors="replace").strip()
        os.close(handle)
        raise explain_lock(path, holder or "another process", "wait for it, stop it, or name another folder") from None
    except OSError as error:
        os.close(handle)
        if error.errno not in NO_LOCKS:
            raise
        return create_lock_file(path)
    os.ftruncate(handle, 0)
    os.pwrite(handle, describe_process().encode(), 0)
    return handle


def explain_lock(path: Path, holder: str, hint: str) -> UsageError:
    """The error for a folder that another process is writing to."""
    return UsageError(f"{path} is being written by {holder}", hint=hint)


def describe_process() -> str:
    """Say which process this is, for others that find its lock."""
    return f"process {os.getpid()} on {socket.gethostname()}\n"


def create_lock_file(path: Path) -> int:
    """Make the file that stands for the lock where the file system has none; its name is taken or free at once.

    Raises:
        UsageError: Somebody else has it.
    """
    place = path / HELD
    for _ in range(2):
        try:
            handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            holder = holder_of(place)
            if not has_ended(holder):
                hint = f"wait for it or stop it; if it has ended, delete {place}: this file system has no locks"
                raise explain_lock(path, holder or "another process", hint) from None
            place.unlink(missing_ok=True)
        else:
            os.write(handle, describe_process().encode())
            return handle
    raise explain_lock(path, "another process that has just begun", "wait for it, or name another folder")


def holder_of(place: Path) -> str:
    """Who made a file that stands for a lock."""
    try:
        return place.read_text(encoding="utf-8", errors="replace").strip()[:SHOWN_CHARACTERS]
    except FileNotFoundError:
        return ""


def has_ended(holder: str) -> bool:
    """Whether a process of this host is known to have ended; of another host nobody knows."""
    named = HOLDER.fullmatch(holder)
    if named is None or named["host"] != socket.gethostname():
        return False
    try:
        os.kill(int(named["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it lives, as somebody else's
        return False
    return False


def release_lock(path: Path, handle: int) -> None:
    """Let go of a folder's lock."""
    place = path / HELD
    with suppress(OSError):
        if os.fstat(handle).st_ino == place.stat().st_ino:
            place.unlink()
    os.close(handle)


def locked(path: Path) -> bool:
    """Whether somebody is writing to this run."""
    if (holder := holder_of(path / HELD)) and not has_ended(holder):
        return True
    try:
        handle = os.open(path / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    finally:
        os.close(handle)
    return False
