"""Write what is made from the methods: `docs/cli.md`, drawings, `langgraph.json`, the README's table of methods.

    python docs/generate.py [--check]

With `--check` nothing is written; the exit code says whether anything would change. A test runs it so.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from typer.testing import CliRunner

from dikast.cli import COMMANDS, app, load
from dikast.graphs import METHODS, command_of, every_graph
from dikast.graphs.drawing import mermaid

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 100
TELL = "--tell-helps"
BEGIN, END = "<!-- made by make docs: methods -->", "<!-- end -->"


def helps() -> dict[str, str]:
    """Command -> what `dikast COMMAND --help` prints, at a fixed width and without the caller's environment.

    One process for all of them, since Typer reads the width when it is imported.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DIKAST_")}
    width = {"COLUMNS": str(WIDTH), "TERMINAL_WIDTH": str(WIDTH), "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, __file__, TELL], capture_output=True, text=True, check=True, env=kept | width
    )
    return json.loads(done.stdout)


def tell() -> None:
    """What `helps` runs."""
    ask = CliRunner()
    paths: list[list[str]] = [[]]
    for name in COMMANDS:
        paths += [[name], *([name, one] for one in getattr(load(name), "commands", {}))]
    texts = {" ".join(path): ask.invoke(app, [*path, "--help"], prog_name="dikast").output for path in paths}
    print(json.dumps(texts))


def reference() -> str:
    """The whole of `docs/cli.md`."""
    parts = ["# Command line", "Made by `make docs`; do not edit."]
    for command, text in helps().items():
        title = f"{'###' if ' ' in command else '##'} dikast {command}\n\n" if command else ""
        lines = "\n".join(line.rstrip() for line in text.splitlines()).strip()
        parts.append(f"{title}```\n{lines}\n```")
    return "\n\n".join(parts) + "\n"


def drawings() -> dict[Path, str]:
    """Each method file with its drawing renewed."""
    renewed: dict[Path, str] = {}
    for name in every_graph():
        module = import_module(f"dikast.graphs.{name}.graph")
        path = Path(str(module.__file__))
        text = path.read_text(encoding="utf-8")
        drawing = f"```mermaid\n{mermaid(module.graph)}\n```"
        renewed[path] = re.sub(r"```mermaid\n.*?```", drawing, text, count=1, flags=re.DOTALL)
    return renewed


def about(name: str) -> tuple[str, str]:
    """The first line of a method's description, and its paper."""
    doc = (import_module(f"dikast.graphs.{name}.graph").__doc__ or "").splitlines()
    paper = next((line.removeprefix("Paper: ").rstrip(".") for line in doc if line.startswith("Paper: ")), "")
    return doc[0].rstrip("."), paper


def served() -> str:
    """The whole of `langgraph.json`."""
    graphs = {
        name.replace(".", "_"): {"path": f"dikast.graphs.{name}.graph:graph", "description": about(name)[0]}
        for name in sorted(every_graph())
    }
    return json.dumps({"dependencies": ["."], "graphs": graphs, "python_version": "3.11"}, indent=2) + "\n"


def table_of_methods() -> str:
    """The README's table."""
    lines = ["| method | command | graph | fidelity page |", "| --- | --- | --- | --- |"]
    for name in METHODS:
        told, paper = about(name)
        page = f"docs/methods/{name}.md"
        command = f"`dikast {command_of(name)}`"
        lines.append(f"| {told} ({paper}) | {command} | `dikast.graphs.{name}` | [{page}]({page}) |")
    return "\n".join(lines)


def readme() -> str:
    """The README with its table of methods renewed."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    made = f"{BEGIN}\n{table_of_methods()}\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: made, text, count=1, flags=re.DOTALL)


def main() -> int:
    """Write what changed, or say so."""
    if TELL in sys.argv:
        tell()
        return 0
    wanted = {
        ROOT / "docs" / "cli.md": reference(),
        ROOT / "langgraph.json": served(),
        ROOT / "README.md": readme(),
        **drawings(),
    }
    changed = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in changed:
        print(f"{'out of date' if '--check' in sys.argv else 'written'}: {path.relative_to(ROOT)}")
        if "--check" not in sys.argv:
            path.write_text(wanted[path], encoding="utf-8")
    return 1 if changed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
