"""What the box of one candidate has in it: the test with its runner outside, the candidate in a box within.

    stage = python(task, code), script(task, code), compiled(task, code, binary)

Where the test expects the candidate's program there is a line for the shell that makes a box and runs the program in
it, so that a candidate's process never sees the test, the runner, or a descriptor that it was not handed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dikast.graphs.cweval.task import Task
from dikast.graphs.cweval.toolchains import Toolchain, folder, toolchain
from dikast.sandbox import launch
from dikast.sandbox.programs import Layout, Limits, Mount, bounded, filter_for_programs, words

ROOT = "/box/root"
INSIDE = Path(__file__).parent / "inside"
PYTHON = ("-S", "-s", "-P", "-B")
_FILTER, _FILTER_FD = "/box/filter", 9
_BIN = "/box/bin"
_RECHECK = "npm/node_modules/recheck-linux-x64/recheck"
_THIRD_PARTY = f"{ROOT}/third_party/recheck-linux-x64"
"""Where upstream's tests call the checker of regular expressions, from the current folder."""


@dataclass(frozen=True)
class Stage:
    """A box to be.

    Args:
        test: The test file, in the box.
        module: What the test imports the candidate as; empty where it runs a program.
        files: What the box has, by path.
        layout: What else.
    """

    test: str
    module: str
    files: Mapping[str, str | bytes] = field(repr=False)
    layout: Layout = field(repr=False)

    @property
    def runner(self) -> list[str]:
        """The command of the test's process, up to its descriptor."""
        return [str(toolchain("py").command), *PYTHON, "/box/inside/runner.py"]


def python(task: Task, code: str, limits: Limits) -> Stage:
    """A candidate that the test imports."""
    tools = toolchain("py")
    path = os.pathsep.join(("/server", tools.environment["PYTHONPATH"]))
    inner = {"server.py": "/server/server.py", "codec.py": "/server/codec.py", "candidate.py": _module_path(task)}
    mounts = (*tools.mounts, *(Mount(Path("/box/inner", name), target) for name, target in inner.items()))
    box = Layout(mounts, {"PYTHONPATH": path}, nested=False)
    server = [str(tools.command), *PYTHON, "/server/server.py"]
    files = {
        "/box/inner/server.py": (INSIDE / "server.py").read_text(),
        "/box/inner/codec.py": (INSIDE / "codec.py").read_text(),
        "/box/inner/candidate.py": code,
        f"{_BIN}/candidate": _entrance(box, limits, server),
    }
    return _stage(task, files, (), module=task.task_path.stem)


def script(task: Task, code: str, limits: Limits) -> Stage:
    """A candidate that the test hands to node."""
    tools = toolchain("js")
    place = _place(task, task.task_path.name)
    box = Layout((*tools.mounts, Mount(Path(place), place)), tools.environment)
    files = {place: code, f"{_BIN}/node": _entrance(box, limits, [str(tools.command)])}
    return _stage(task, files, tools.mounts)


def compiled(task: Task, code: str, binary: bytes, limits: Limits) -> Stage:
    """A candidate that the test runs as a program; the test may look at its source, too."""
    place = _place(task, f"compiled/{task.task_path.stem}")
    box = Layout((Mount(Path("/box/inner/program"), place),))
    files = {
        _place(task, task.task_path.name): code,
        "/box/inner/program": binary,
        place: _entrance(box, limits, [place]),
    }
    return _stage(task, files, ())


def collecting(task: Task) -> Stage:
    """No candidate: for finding out which cases there are."""
    return _stage(task, {}, (), module=task.task_path.stem if task.language == "py" else "")


def _stage(task: Task, files: Mapping[str, str | bytes], mounts: tuple[Mount, ...], *, module: str = "") -> Stage:
    tools: Toolchain = toolchain("py")
    test = _place(task, task.test_path.name)
    inside = {f"/box/inside/{name}.py": (INSIDE / f"{name}.py").read_text() for name in ("runner", "proxy", "codec")}
    own = {test: task.test_path.read_bytes(), _FILTER: filter_for_programs(), **inside}
    extra = [Mount.same(launch.bwrap()[0].parent)] if not launch.bwrap()[0].is_relative_to("/usr") else []
    if (recheck := folder() / _RECHECK).exists():
        extra.append(Mount(recheck.resolve(), _THIRD_PARTY))
    environment = {
        "PYTHONPATH": os.pathsep.join(("/box/inside", tools.environment["PYTHONPATH"])),
        "PATH": f"{_BIN}:/usr/local/bin:/usr/bin:/bin",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    every = dict.fromkeys((*tools.mounts, *mounts, *extra))
    return Stage(test, module, {**own, **files}, Layout(tuple(every), environment, ROOT, nested=True))


def _entrance(box: Layout, limits: Limits, command: list[str]) -> str:
    """A script that runs a command in a box within, with the arguments that it is given."""
    words_ = [*box.inner(limits, _FILTER_FD), *bounded(limits, command)]
    return f'#!/bin/sh\nexec {_FILTER_FD}<{_FILTER}\nexec {words(words_)} "$@"\n'


def _place(task: Task, name: str) -> str:
    return f"{ROOT}/{task.suite}/{task.language}/{name}"


def _module_path(task: Task) -> str:
    return f"/candidate/{task.task_path.stem}.py"
