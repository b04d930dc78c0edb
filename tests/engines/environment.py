"""A lane's own virtual environment, in the cache folder and so outside the checkout: a fresh clone uses it again.

Its folder's name holds a hash of what it is made from, so that checkouts that want different ones do not undo each
other's. `dikast` itself is installed from the checkout that made it; the suites of another find their own by
`PYTHONPATH` (see `lanes.py`), which comes first. To free the space, remove `engines/` in the cache folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import inspect
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dikast.agents.models.catalog import cache_folder

ROOT = Path(__file__).resolve().parents[2]
ENGINES = cache_folder() / "engines"
TESTS = ("pytest>=9", "pytest-asyncio>=1.2", "hypothesis>=6.140")
"""What the lanes' suites need beside dikast itself."""
INSTALL_SECONDS = 2400
"""vLLM's CPU build took 26 minutes on two busy cores."""
HASH_DIGITS = 12


@dataclass(frozen=True)
class Environment:
    """An environment.

    Args:
        name: The lane.
        requirements: Pinned.
        finish: What is done to it after pip, given its Python.
        more: What `finish` brings or takes away, pinned.
    """

    name: str
    requirements: tuple[str, ...]
    finish: Callable[[Path], None] | None = None
    more: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return ENGINES / f"{self.name}-{hashlib.sha256(self.wanted.encode()).hexdigest()[:HASH_DIGITS]}"

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    @property
    def wanted(self) -> str:
        """What it is made from: requirements, dikast's own dependencies, this Python, and what is done after pip."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
        after = inspect.getsource(self.finish) if self.finish else ""
        return json.dumps([self.requirements, self.more, TESTS, project, sys.version, after])

    def make(self) -> Path:
        """The environment's Python; installed first unless that has been done. Of several at once, one installs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return self._make()

    def _make(self) -> Path:
        stamp = self.folder / "stamp.json"
        if self.python.exists() and stamp.exists() and stamp.read_text() == self.wanted:
            return self.python
        started = time.monotonic()
        say(f"{self.name}: installing {' '.join(self.requirements)}")
        stamp.unlink(missing_ok=True)
        shutil.rmtree(self.folder / "venv", ignore_errors=True)
        check([sys.executable, "-m", "venv", str(self.folder / "venv")])
        pip = [str(self.python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        check([*pip, "--upgrade", "pip>=25.1"])
        check([*pip, *self.requirements, *TESTS, "--editable", str(ROOT)])
        if self.finish:
            self.finish(self.python)
        stamp.write_text(self.wanted)
        say(f"{self.name}: installed in {time.monotonic() - started:.0f} s")
        return self.python


def check(command: list[str], seconds: float = INSTALL_SECONDS) -> str:
    """Run a command; its output, or an error that shows its last lines."""
    given = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, env=given)
    if ran.returncode != 0:
        raise SystemExit(f"{' '.join(command[:6])} ...: exit {ran.returncode}\n{(ran.stdout + ran.stderr)[-2000:]}")
    return ran.stdout


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
