"""A static scanner beside what was measured: how often do its findings and the security cases agree?

    compared = compare(scan({"a": code_a, "b": code_b}), {"a": True, "b": False})     # name -> was it secure?
    compared.kappa, compared.misses, compared.false_alarms

Earlier benchmarks of secure code took a scanner's findings for the truth; the paper's point is that they are not. The
scanner is Bandit, for Python (the extra `static`). It reads and does not run; it is a process of its own all the same,
given files that are named here, without the comments by which code asks it to look away, and without configuration.

Compare samples that work: what does not work has no security to speak of.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any, Literal, cast

from dikast.errors import DikastError, MissingExtraError
from dikast.evaluation.agreement import cohen_kappa

Severity = Literal["LOW", "MEDIUM", "HIGH"]
SEVERITIES: tuple[Severity, ...] = ("LOW", "MEDIUM", "HIGH")
SCAN_S = 300.0
"""Wall clock for one call of the scanner; it takes about 1 s for 100 small files."""
FOUND = (0, 1)
"""Bandit's exit status: nothing found, something found."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the scanner does not like.

    Args:
        rule: Its rule, `B608`.
        severity: How bad it takes it to be.
        cwe: The weakness's number that it names; `None` where it names none.
        line: 1-based, in the code.
    """

    rule: str
    severity: Severity
    cwe: int | None
    line: int


@dataclass(frozen=True, slots=True)
class Compared:
    """A scanner's word against the measured outcome. "Flagged": it has a finding of the severity, or above.

    Args:
        hits: Flagged, and not secure.
        false_alarms: Flagged, and secure.
        misses: Not flagged, and not secure.
        silent: Not flagged, and secure.
        unscanned: Samples that the scanner could not read; in none of the counts.
        kappa: Cohen's, of "flagged" and "not secure"; NaN where one side never changes.
    """

    hits: int
    false_alarms: int
    misses: int
    silent: int
    unscanned: int
    kappa: float

    @property
    def scanned(self) -> int:
        """Samples that count."""
        return self.hits + self.false_alarms + self.misses + self.silent

    @property
    def agreement(self) -> float:
        """Share of samples on which both say the same; NaN without samples."""
        return (self.hits + self.silent) / self.scanned if self.scanned else nan


def scan(codes: Mapping[str, str]) -> dict[str, tuple[Finding, ...] | None]:
    """Bandit's findings, by the name of the code; `None` where it could not read it.

    Args:
        codes: Name -> Python.

    Raises:
        MissingExtraError: Bandit is not installed.
        DikastError: It failed as a whole, or took longer than `SCAN_S`.
    """
    if importlib.util.find_spec("bandit") is None:
        raise MissingExtraError("the scanner Bandit", extra="static")
    if not codes:
        return {}
    names = list(codes)
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, f"sample_{place}.py") for place, name in enumerate(names)}
        for name, path in paths.items():
            path.write_text(codes[name], encoding="utf-8", errors="replace")
        report = _bandit(Path(folder))
    findings: dict[str, list[Finding]] = {path.name: [] for path in paths.values()}
    for one in report["results"]:
        findings[Path(one["filename"]).name].append(_finding(one))
    unread = {Path(one["filename"]).name for one in report["errors"]}
    return {name: None if path.name in unread else tuple(findings[path.name]) for name, path in paths.items()}


def compare(
    findings: Mapping[str, tuple[Finding, ...] | None], secure: Mapping[str, bool], severity: Severity = "LOW"
) -> Compared:
    """Count agreements.

    Args:
        findings: What `scan` found.
        secure: Name -> whether the code passed its security cases; names that are not here are left out.
        severity: Findings below it do not count.
    """
    names = [name for name in findings if name in secure]
    pairs = [(_flagged(found, severity), not secure[name]) for name in names if (found := findings[name]) is not None]
    return Compared(
        hits=pairs.count((True, True)),
        false_alarms=pairs.count((True, False)),
        misses=pairs.count((False, True)),
        silent=pairs.count((False, False)),
        unscanned=len(names) - len(pairs),
        kappa=cohen_kappa([flagged for flagged, _ in pairs], [insecure for _, insecure in pairs]),
    )


def _flagged(findings: tuple[Finding, ...], severity: Severity) -> bool:
    return any(SEVERITIES.index(one.severity) >= SEVERITIES.index(severity) for one in findings)


def _bandit(folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "bandit", "-r", "-f", "json", "-q", "--ignore-nosec", "."]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SCAN_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise DikastError(f"Bandit took longer than {SCAN_S:g} s", hint="scan fewer samples at a time") from error
    try:
        report = json.loads(done.stdout) if done.returncode in FOUND else None
    except ValueError:
        report = None
    if not isinstance(report, dict) or not {"results", "errors"} <= report.keys():
        last = done.stderr.strip().splitlines()[-1:]
        raise DikastError(f"Bandit ended with status {done.returncode}: {' '.join(last) or 'no report'}")
    return cast(dict[str, Any], report)


def _finding(one: dict[str, Any]) -> Finding:
    severity = one["issue_severity"]
    weakness = cast(dict[str, int], one.get("issue_cwe") or {})
    known = severity if severity in SEVERITIES else "LOW"
    return Finding(one["test_id"], known, weakness.get("id"), one["line_number"])
