"""Build the site of the docs.

    make site                               # or: python docs/site/build.py [FOLDER]; build/site without

The site is FOLDER/html, to be opened from disk. The pages of `docs/` are copied, links that lead out of it are made
links to the repository, a page of reference is written for each entry of `REFERENCE` and for each method, and the
generator builds all of it, strictly: a link or an anchor that leads nowhere is an error. Then `check.py` reads what
came out. Why this generator: `docs/design/site.md`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path

import tomli_w

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from dikast.graphs import METHODS  # noqa: E402
from docs.site.check import problems  # noqa: E402
from tests.engines.site_environment import GENERATOR  # noqa: E402

DOCS, HERE = ROOT / "docs", Path(__file__).parent
LINK = re.compile(r"(?<=\]\()(?!https?://|#)([^)#\s]+)")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
TO_FOLDER = re.compile(r'href="(\.(?:/?\.)*)/?"')
SECONDS = 300
NAV: Mapping[str, tuple[str, ...]] = {
    "Start": ("index.md", "tutorial.md", "which.md"),
    "Cookbook": ("cookbook/*.md",),
    "Methods": ("methods/*.md",),
    "Guides": ("runs.md", "training.md", "vendors.md", "plugins.md", "cluster.md", "gpu.md", "results.md", "view.md"),
    "Commands": ("cli.md",),
    "Reference": ("reference/*.md",),
    "Why it is so": ("design/*.md",),
}
"""What stands where; a page that no entry has is an error."""
REFERENCE: Mapping[str, tuple[str, ...]] = {
    "dikast": ("dikast",),
    "jobs": ("dikast.jobs",),
    "method": ("dikast.graphs.method",),
    "roles": ("dikast.agents.roles", "dikast.agents.solver", "dikast.agents.prompt", "dikast.agents.models.request"),
    "errors": ("dikast.errors", "dikast.records"),
    "pages": ("dikast.pages", "dikast.rows"),
    "stats": ("dikast.stats",),
    "sandbox": ("dikast.sandbox.policy", "dikast.sandbox.sandbox", "dikast.sandbox.programs"),
}
"""Page -> modules whose public names it tells, from their docstrings."""


def repository() -> str:
    """Where a file of the repository can be read, as the package's metadata says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Documentation"].replace("/tree/", "/blob/").removesuffix("/docs")


def outward(text: str, page: Path) -> str:
    """A page's text, its links to files outside `docs/` leading to the repository; what is in fenced blocks stays."""

    def link(found: re.Match[str]) -> str:
        target = Path(os.path.normpath(page.parent / found.group(1)))
        inside = target.is_relative_to(DOCS) and target.suffix != ".py" and not target.is_dir()
        return found.group(1) if inside else f"{repository()}/{target.relative_to(ROOT)}"

    parts: list[str] = []
    at = 0
    for fence in FENCED.finditer(text):
        parts += [LINK.sub(link, text[at : fence.start()]), fence.group()]
        at = fence.end()
    return "".join([*parts, LINK.sub(link, text[at:])])


def reference() -> dict[str, str]:
    """Page -> its text: the modules whose docstrings it shows."""
    pages = {f"reference/{name}.md": (f"`{modules[0]}`", modules) for name, modules in REFERENCE.items()}
    for name in METHODS:
        pages[f"reference/graphs/{name}.md"] = (f"`dikast.graphs.{name}`", (f"dikast.graphs.{name}.context",))
    return {
        path: f"# {title}\n\n" + "".join(f"::: {module}\n\n" for module in modules)
        for path, (title, modules) in pages.items()
    }


def navigation(pages: Path) -> list[dict[str, object]]:
    """The generator's `nav`.

    Raises:
        SystemExit: Pages that no entry has.
    """
    left = {path.relative_to(pages).as_posix() for path in pages.rglob("*.md")}
    nav: list[dict[str, object]] = []
    for section, patterns in NAV.items():
        found = [path.relative_to(pages).as_posix() for pattern in patterns for path in sorted(pages.glob(pattern))]
        entries: list[object] = [{title(pages / name): name} for name in found]
        if section == "Reference":
            methods = sorted((pages / "reference" / "graphs").glob("*.md"))
            entries.append({"Methods": [{one.stem: one.relative_to(pages).as_posix()} for one in methods]})
            left -= {one.relative_to(pages).as_posix() for one in methods}
        left -= set(found)
        nav.append({section: entries})
    if left:
        raise SystemExit(f"pages that docs/site/build.py's NAV leaves out: {', '.join(sorted(left))}")
    return nav


def title(page: Path) -> str:
    """A page's name in the navigation: its heading up to a colon."""
    heading = page.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
    return heading.partition(":")[0].replace("`", "")


def stage(folder: Path) -> None:
    """Write the generator's input into an empty folder."""
    pages = folder / "pages"
    for path in sorted(DOCS.rglob("*")):
        if path.suffix in {".md", ".svg", ".png"} and not path.is_relative_to(HERE):
            target = pages / path.relative_to(DOCS)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".md":
                target.write_text(outward(path.read_text(encoding="utf-8"), path), encoding="utf-8")
            else:
                shutil.copy(path, target)
    for name, text in reference().items():
        (pages / name).parent.mkdir(parents=True, exist_ok=True)
        (pages / name).write_text(text, encoding="utf-8")
    shutil.copytree(HERE / "overrides", folder / "overrides")
    settings = tomllib.loads((HERE / "zensical.toml").read_text(encoding="utf-8"))
    settings["project"]["plugins"]["mkdocstrings"]["handlers"]["python"]["paths"] = [str(ROOT)]
    settings["project"]["nav"] = navigation(pages)
    (folder / "zensical.toml").write_text(tomli_w.dumps(settings), encoding="utf-8")


def build(folder: Path) -> Path:
    """Build the site; the folder of its HTML.

    Raises:
        SystemExit: The generator found something, or `check.py` did.
    """
    shutil.rmtree(folder, ignore_errors=True)
    stage(folder)
    program = GENERATOR.make().parent / "zensical"
    command = [str(program), "build", "--clean", "--strict"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode != 0:
        raise SystemExit(f"zensical: exit {done.returncode}\n{done.stdout}{done.stderr}")
    for_disk(folder / "html")
    found = problems(folder / "html")
    if found:
        raise SystemExit("\n".join(found))
    return folder / "html"


def for_disk(html: Path) -> None:
    """Links to a folder become links to its page, which only a server would find. A page of errors needs one, too."""
    (html / "404.html").unlink(missing_ok=True)
    for page in html.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(TO_FOLDER.sub(r'href="\1/index.html"', text), encoding="utf-8")


def main() -> int:
    """Build, and say where it is."""
    started = time.monotonic()
    html = build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site")
    print(f"{len(list(html.rglob('*.html')))} pages in {time.monotonic() - started:.0f} s: {html / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
