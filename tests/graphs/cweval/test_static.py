from __future__ import annotations

import importlib.util
import math
from importlib.machinery import ModuleSpec

import pytest

from dikast.errors import MissingExtraError
from dikast.graphs.cweval.static import Finding, compare, scan

LOW, HIGH = Finding("B404", "LOW", 78, 1), Finding("B602", "HIGH", 78, 2)


def test_counts_and_kappa() -> None:
    findings = {"a": (HIGH,), "b": (LOW,), "c": (), "d": (), "e": None, "f": (HIGH,)}
    secure = {"a": False, "b": True, "c": False, "d": True, "e": True}
    found = compare(findings, secure)
    assert (found.hits, found.false_alarms, found.misses, found.silent, found.unscanned) == (1, 1, 1, 1, 1)
    assert (found.scanned, found.agreement, found.kappa) == (4, 0.5, 0.0)
    high = compare(findings, secure, "HIGH")
    assert (high.hits, high.false_alarms, high.misses, high.silent) == (1, 0, 1, 2)
    assert high.kappa == pytest.approx(0.5)


def test_nothing_to_compare() -> None:
    found = compare({}, {})
    assert found.scanned == 0
    assert math.isnan(found.agreement)
    assert math.isnan(found.kappa)


def test_without_bandit_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def absent(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "bandit" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", absent)
    with pytest.raises(MissingExtraError, match=r"Bandit is not installed.*pip install 'dikast\[static\]'"):
        scan({"a": "x = 1"})


def test_bandit_on_code() -> None:
    if importlib.util.find_spec("bandit") is None:
        pytest.skip("needs bandit: pip install 'dikast[static]'")
    shell = "import subprocess\nsubprocess.call('ls ' + input(), shell=True)  # nosec\n"
    found = scan({"shell": shell, "../plain": "x = 1\n", "broken": "def (:\n", "deep": "x = " + "-" * 200_000 + "1\n"})
    assert found["../plain"] == ()
    assert found["broken"] is None
    assert found["deep"] is None
    rules = {one.rule: one for one in found["shell"] or ()}
    assert (rules["B602"].severity, rules["B602"].cwe, rules["B602"].line) == ("HIGH", 78, 2)
    assert scan({}) == {}
