"""Packages with entry points for dikast, put into a folder as an installer would: modules, and a `.dist-info`."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "plugin"


def install(
    folder: Path, name: str, points: Mapping[str, Mapping[str, str]], modules: Mapping[str, str], version: str = "1.0"
) -> None:
    """Put a package into a folder.

    Args:
        folder: That is, or will be, on the path.
        name: Of the distribution.
        points: Kind (`methods`, ...) -> name -> `module:name`.
        modules: Module -> its text.
        version: Of the distribution.
    """
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text, encoding="utf-8")
    groups = {f"dikast.{kind}": of_kind for kind, of_kind in points.items()}
    describe(folder, name, version, "What it is for.", groups)


def install_example(folder: Path, version: str | None = None) -> None:
    """Put `examples/plugin` into a folder, by what its pyproject.toml says."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copytree(EXAMPLE / "dikast_brevity", folder / "dikast_brevity", dirs_exist_ok=True)
    describe(folder, project["name"], version or project["version"], project["description"], project["entry-points"])


def describe(folder: Path, name: str, version: str, about: str, groups: Mapping[str, Mapping[str, str]]) -> None:
    """Write a distribution's metadata, in place of those of another version."""
    for old in folder.glob(f"{name.replace('-', '_')}-*.dist-info"):
        shutil.rmtree(old)
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    told = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {about}\n"
    (info / "METADATA").write_text(told, encoding="utf-8")
    lines = [f"[{group}]\n" + "".join(f"{one} = {at}\n" for one, at in of.items()) for group, of in groups.items()]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
