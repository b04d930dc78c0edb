"""Numbers on the pages that the code can be asked for."""

from __future__ import annotations

import re
from pathlib import Path

from dikast.sandbox.inside import seccomp
from dikast.sandbox.selftest import PROBES

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "benchmarks" / "hostile_programs"
SANDBOX = (ROOT / "docs" / "design" / "sandbox.md").read_text(encoding="utf-8")
CLASS = re.compile(r"^\| (\w+) \| [^|]+ \| (\d+) \| (\d+) \| (\d+) \| 0 \|$", re.MULTILINE)


def test_the_classes_of_hostile_programs_are_counted() -> None:
    told = {name: (int(all_), int(root), int(user)) for name, all_, root, user in CLASS.findall(SANDBOX)}
    there = {path.stem: len(re.findall("^=== ", path.read_text(), re.M)) for path in PROGRAMS.glob("*.txt")}
    assert {name: counts[0] for name, counts in told.items()} == there
    assert all(all_ >= root >= user >= 8 for all_, root, user in told.values())
    cves = set(re.findall(r"CVE-\d{4}-\d+", (PROGRAMS / "cves.txt").read_text()))
    assert f"the published tricks of {len(cves)} CVEs" in SANDBOX


def test_the_sandbox_page_counts_probes_and_calls() -> None:
    assert f"{len(PROBES)} probes (`selftest.py`)" in SANDBOX
    # `mmap`, `mprotect`, `madvise` and `futex` are looked at by their arguments.
    assert len(seccomp.FREE) + len(seccomp.CLOCKS) + 4 == 17
    assert "the allow-list has seventeen calls" in SANDBOX
