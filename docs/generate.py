"""Write the generated parts of the docs: `docs/cli.md`, and the drawing in each method's docstring.

    python docs/generate.py [--check]

With `--check` nothing is written; the exit code says whether anything would change. A test runs it so.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

from dikast.cli import COMMANDS
from dikast.graphs import GRAPHS
from dikast.graphs.drawing import mermaid

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 100


def help_of(*words: str) -> str:
    """What `dikast WORDS --help` prints, at a fixed width and without the caller's environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DIKAST_")}
    done = subprocess.run(
        [sys.executable, "-m", "dikast.cli", *words, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**kept, "COLUMNS": str(WIDTH), "TERMINAL_WIDTH": str(WIDTH), "NO_COLOR": "1"},
    )
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip()


def help_below(words: tuple[str, str]) -> str:
    """The same of a subcommand."""
    return help_of(*words)


def subcommands(text: str) -> list[str]:
    """The names under `Commands:` in a help text."""
    _, found, after = text.partition("\nCommands:\n")
    return re.findall(r"^  (\S+)", after, re.MULTILINE) if found else []


def reference() -> str:
    """The whole of `docs/cli.md`."""
    parts = ["# Command line", "Made by `make docs`; do not edit.", f"```\n{help_of()}\n```"]
    # Each is a process of its own; the threads only wait for them.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        texts: dict[str, str] = dict(zip(COMMANDS, pool.map(help_of, COMMANDS), strict=True))
        below = [(command, name) for command, text in texts.items() for name in subcommands(text)]
        texts_below = dict(zip(below, pool.map(help_below, below), strict=True))
    for command, text in texts.items():
        parts.append(f"## dikast {command}\n\n```\n{text}\n```")
        named = [name for one, name in below if one == command]
        parts += [f"### dikast {command} {name}\n\n```\n{texts_below[command, name]}\n```" for name in named]
    return "\n\n".join(parts) + "\n"


def drawings() -> dict[Path, str]:
    """Each method file with its drawing renewed."""
    renewed: dict[Path, str] = {}
    for where in GRAPHS.values():
        module = import_module(where.split(":")[0])
        path = Path(str(module.__file__))
        text = path.read_text(encoding="utf-8")
        drawing = f"```mermaid\n{mermaid(module.graph)}\n```"
        renewed[path] = re.sub(r"```mermaid\n.*?```", drawing, text, count=1, flags=re.DOTALL)
    return renewed


def main() -> int:
    """Write what changed, or say so."""
    wanted = {ROOT / "docs" / "cli.md": reference(), **drawings()}
    changed = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in changed:
        print(f"{'out of date' if '--check' in sys.argv else 'written'}: {path.relative_to(ROOT)}")
        if "--check" not in sys.argv:
            path.write_text(wanted[path], encoding="utf-8")
    return 1 if changed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
