"""Write the generated parts of the docs: `docs/cli.md`, and the drawing in each method's docstring.

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
from dikast.graphs import METHODS
from dikast.graphs.drawing import mermaid

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 100
TELL = "--tell-helps"


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
    for name in METHODS:
        module = import_module(f"dikast.graphs.{name}.graph")
        path = Path(str(module.__file__))
        text = path.read_text(encoding="utf-8")
        drawing = f"```mermaid\n{mermaid(module.graph)}\n```"
        renewed[path] = re.sub(r"```mermaid\n.*?```", drawing, text, count=1, flags=re.DOTALL)
    return renewed


def main() -> int:
    """Write what changed, or say so."""
    if TELL in sys.argv:
        tell()
        return 0
    wanted = {ROOT / "docs" / "cli.md": reference(), **drawings()}
    changed = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in changed:
        print(f"{'out of date' if '--check' in sys.argv else 'written'}: {path.relative_to(ROOT)}")
        if "--check" not in sys.argv:
            path.write_text(wanted[path], encoding="utf-8")
    return 1 if changed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
