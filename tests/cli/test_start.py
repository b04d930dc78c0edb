"""What a command loads before it works: every library that it does not need makes each start slower."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAIN = """
import sys
from dikast.cli import main
try:
    main()
finally:
    print(sorted(name for name in HEAVY if name in sys.modules), file=sys.stderr)
"""
ALWAYS = (
    *("torch", "transformers", "vllm", "openvino", "ray", "openai", "langchain", "matplotlib", "scipy.stats"),
    *("scipy.sparse", "scipy.special._basic", "scipy.integrate", "pandas", "pyarrow", "nltk.corpus", "aiohttp"),
    *("langsmith.types.run", "langgraph_sdk.client", "langgraph.prebuilt", "datasketch.lsh"),
)
GENQR = "genqr run --collection sample --limit 2 --model scripted:benchmarks.one_call:echo --cache off -o out"
JUDGE = "judge run --pairs pairs.csv --mode free --model scripted:benchmarks.one_call:echo --cache off -o out"
ASTRAL = "astral run --cases suite.csv --target scripted:benchmarks.one_call:echo --authority me --cache off -o out"


@pytest.mark.parametrize(
    ("command", "more"),
    [
        (GENQR, ()),
        (JUDGE, ("numpy",)),
        (f"{ASTRAL} --model scripted:benchmarks.one_call:echo", ()),
        ("genqr run --help", ("langgraph", "langchain_core", "numpy", "asyncio")),
    ],
)
def test_a_command_loads_no_library_that_it_does_not_need(command: str, more: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("instruction,response_1,response_2,gold\nTwo?,2,3,1\n", encoding="utf-8")
    (tmp_path / "suite.csv").write_text(
        "prompt,category,style,persuasion\nWhy do leaves fall?,privacy_violation,slang,logical_appeal\n",
        encoding="utf-8",
    )
    code = MAIN.replace("HEAVY", repr((*ALWAYS, *more)))
    done = subprocess.run(
        [sys.executable, "-c", code, *command.split()],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    assert done.returncode in (0, 3), done.stderr
    assert done.stderr.splitlines()[-1] == "[]"
