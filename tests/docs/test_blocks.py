"""Every Python block of the README and the docs runs; the generated parts are up to date."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.tree import every_command

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks" / "README.md"
PAGES = [ROOT / "README.md", BENCHMARKS, *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, block in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), start=1)
]


EMBEDDED, STAND_IN = "openvino:smollm2-135m", "scripted:stand_in:everyone"


def run_code(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python code as a process of its own, with the examples' stand-in importable."""
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", text]
    path = os.pathsep.join([str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs(block: str, tmp_path: Path) -> None:
    """With a stand-in for the embedded model, which tests/test_house.py asks in the README's first block."""
    done = run_code(block.replace(EMBEDDED, STAND_IN), tmp_path)
    assert done.returncode == 0, done.stderr


NO_PROGRAMS = {ROOT / "examples" / name for name in ("own_method.py", "stand_in.py")}
"""Run by `dikast run`, in `tests/cli/test_own.py`, and in place of a model, by the examples of the docs."""
SCRIPTS = sorted({*(ROOT / "examples").glob("*.py")} - NO_PROGRAMS)


@pytest.mark.parametrize("example", SCRIPTS, ids=lambda path: path.name)
def test_an_example_runs(example: Path, tmp_path: Path) -> None:
    """With the stand-in, too."""
    done = run_code(example.read_text(encoding="utf-8").replace(EMBEDDED, STAND_IN), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_generated_parts_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"run make docs\n{done.stdout}{done.stderr}"


def test_the_reference_has_every_command_and_flag() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for path, command in every_command():
        _, found, after = text.partition(f"## dikast {path}\n")
        assert found, path
        page = after.partition("\n## ")[0].partition("\n### ")[0]
        for parameter in command.params:
            assert max(parameter.opts, key=len) in page or not parameter.opts[0].startswith("-"), (path, parameter.name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_benchmark_is_explained() -> None:
    scripts = {
        path.stem
        for path in BENCHMARKS.parent.glob("*.py")
        if 'add_argument("--json"' in path.read_text(encoding="utf-8")
    }
    explained = set(re.findall(r"^\| `(\w+)` \|", BENCHMARKS.read_text(encoding="utf-8"), re.MULTILINE))
    assert explained == scripts
