"""Run the worked examples of the pages, and write down what they print.

    python docs/examples.py docs/methods/genqr.md docs/cookbook/judge.md      # without pages: all

A worked example is a block of kind `console`: each line that begins with `$ ` is a command, what stands below it is
what it printed to standard output. The commands of a page are run in order, in a copy of `examples/`, by bash, with
this checkout's `dikast`; then the text below each is replaced. A command goes on over lines that end in a backslash,
and up to `END` after `<<'END'`. Nothing is asked of a server: the examples use the embedded model, a function, or no
model at all.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(?<=^```console\n)\$ .*?(?=^```$)", re.MULTILINE | re.DOTALL)
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
SECONDS = 900
WIDTH = 120


def commands(block: str) -> list[str]:
    """The commands of a block, each with its further lines."""
    found: list[str] = []
    inside = False
    for line in block.splitlines():
        if inside:
            found[-1] += f"\n{line}"
            inside = line != "END" if "<<'END'" in found[-1] else line.endswith("\\")
        elif line.startswith("$ "):
            found.append(line.removeprefix("$ "))
            inside = "<<'END'" in line or line.endswith("\\")
    return found


def environment(checkout: Path = ROOT) -> dict[str, str]:
    """Without the caller's settings, and with the checkout's `dikast` first on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DIKAST_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    kept |= {"DIKAST_REQUEST_CACHE": "off"}
    return kept | {"PATH": path, "PYTHONPATH": str(checkout), "COLUMNS": str(WIDTH), "NO_COLOR": "1"}


def run(command: str, folder: Path) -> str:
    """What the command printed, without spaces at the ends of lines.

    Raises:
        SystemExit: It failed.
    """
    # With `dikast` as a function the checkout is what runs, also where the environment has another one installed.
    script = f'dikast() {{ "{sys.executable}" -m dikast.cli "$@"; }}\n{command}'
    shown, printed = os.openpty()  # a terminal, so that tables are drawn as a reader will see them
    with tempfile.TemporaryFile() as talk:
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=talk,
        )
        os.close(printed)
        said = read(shown)
        if process.wait(SECONDS) != 0:
            talk.seek(0)
            raise SystemExit(f"{command}\nexit {process.returncode}\n{said}{talk.read().decode()}")
    return "\n".join(line.rstrip() for line in said.replace(str(folder), ".").strip("\n").splitlines())


def read(terminal: int) -> str:
    """All that is printed to a terminal until nobody holds its other end."""
    parts: list[bytes] = []
    try:
        while part := os.read(terminal, 65536):
            parts.append(part)
    except OSError:  # Linux's way to say that the other end was closed
        pass
    os.close(terminal)
    return ESCAPE.sub("", b"".join(parts).decode()).replace("\r\n", "\n")


def renewed(page: str, folder: Path) -> str:
    """A page's text, with what its examples print now."""

    def block(found: re.Match[str]) -> str:
        parts: list[str] = []
        for command in commands(found.group()):
            print(f"$ {command.splitlines()[0]}", file=sys.stderr)
            said = run(command, folder)
            parts.append(f"$ {command}\n" + (f"{said}\n" if said else ""))
        return "".join(parts)

    return BLOCK.sub(block, page)


def pages() -> list[Path]:
    """The methods' and the cookbook's pages that have examples."""
    every = [*(ROOT / "docs" / "methods").glob("*.md"), *(ROOT / "docs" / "cookbook").glob("*.md")]
    return [page for page in sorted(every) if BLOCK.search(page.read_text(encoding="utf-8"))]


def main() -> int:
    """Renew the pages that are named, or all."""
    for page in [Path(name).resolve() for name in sys.argv[1:]] or pages():
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(ROOT / "examples", folder, dirs_exist_ok=True)
            text = renewed(page.read_text(encoding="utf-8"), Path(folder))
        page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
