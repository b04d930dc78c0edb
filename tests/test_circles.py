"""No module needs one that needs it, imports for types and imports within functions counted."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def modules(root: Path) -> dict[str, Path]:
    found = {".".join(path.relative_to(root).with_suffix("").parts): path for path in (root / "dikast").rglob("*.py")}
    return {name.removesuffix(".__init__"): path for name, path in found.items()}


def imports(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from [one for one in (inner if inner in known else node.module,) if one in known]
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)


def test_imports_have_no_circle() -> None:
    known = modules(ROOT)
    graph = {name: {one for one in imports(path, known) if one != name} for name, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_a_circle_is_found(tmp_path: Path) -> None:
    package = tmp_path / "dikast"
    package.mkdir()
    (package / "a.py").write_text("def f():\n    from dikast.b import g\n")
    (package / "b.py").write_text("from dikast import a\n")
    known = modules(tmp_path)
    with pytest.raises(CycleError):
        TopologicalSorter({name: set(imports(path, known)) for name, path in known.items()}).prepare()
