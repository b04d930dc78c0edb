"""A part of the hostile programs in every run: one of each class and every CVE's trick, in both tiers.

Root runs them as an ordinary user as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dikast.errors import MissingExtraError
from dikast.sandbox import Tier
from dikast.sandbox.launch import bwrap

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "hostile.py"


def test_no_hostile_program_gets_out() -> None:
    try:
        bwrap()
    except MissingExtraError as error:
        pytest.skip(f"the throwaway namespace for the controls needs bubblewrap: {error}")
    done = subprocess.run(
        [sys.executable, SCRIPT, "--json", "--sample", "1"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert set(told["tiers"]) == {Tier.BWRAP, Tier.LANDLOCK}
    for summary in told["tiers"].values():
        assert summary["escapes"] == 0
        assert set(summary["users"]) == {str(os.getuid()), *(["65534"] if os.getuid() == 0 else [])}
        for user in summary["users"].values():
            assert user["escaped"] == {}
            assert user["honest_after"] == user["tried"]
            assert user["programs"] > 45
            assert len(user["classes"]) == len(list((SCRIPT.parent / "hostile_programs").glob("*.txt")))
