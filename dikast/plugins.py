"""What other packages add to dikast: methods, judges, retrievers and models, found by their entry points.

    METHODS = Plugins("methods", taken=lambda: {"genqr", ...})
    METHODS.every()                 # {"mine": Plugin(...)}: read off metadata, nothing imported
    METHODS.find("mine").load()     # what the package declares, imported

A package declares `[project.entry-points."dikast.methods"] mine = "mypackage.method:method"`. A broken one (its name
is taken, by dikast or by two packages; its import fails) is left out and told; the others go on. See docs/plugins.md.

Not here: what a plugin has to be; whoever asks for it checks that.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dikast.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
"""A name that can stand in a command and in a spec."""
DOCTOR = "dikast doctor tells of every plugin"

_used: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Plugin:
    """What a package declares, as its metadata say it.

    Args:
        kind: `methods`, `judges`, `retrievers` or `models`.
        name: What it is called.
        value: Where it stands, `module:name`.
        package: The distribution.
        version: Of the distribution.
        about: The distribution's summary.
        problem: Why it is left out; empty for a good one, as far as one sees without importing it.
    """

    kind: str
    name: str
    value: str
    package: str
    version: str
    about: str = ""
    problem: str = ""

    @property
    def where(self) -> str:
        """Package, version and group, for messages."""
        return f"{self.package} {self.version} (dikast.{self.kind})"

    @property
    def line(self) -> str:
        """One line of help: what its package says of itself, and which package that is."""
        return f"{self.about or 'Of another package.'} ({self.package} {self.version})"

    def load(self) -> Any:
        """Import what stands there; the package's version is recorded by jobs from then on.

        Raises:
            UsageError: It is left out, cannot be imported, or is not there.
        """
        if self.problem:
            raise self.explain(self.problem)
        module, _, name = self.value.partition(":")
        try:
            found: Any = import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
        except (Exception, SystemExit) as error:
            told = " ".join(str(error).split()) or "no reason given"
            raise self.explain(f"{self.value} cannot be imported: {type(error).__name__}: {told}") from error
        _used[self.package] = self.version
        return found

    def explain(self, why: str) -> UsageError:
        """The error of this plugin."""
        return UsageError(f"plugin {self.name!r} of {self.where}: {why}", hint=DOCTOR)

    def load_function(self) -> Callable[..., object]:
        """As `load`, of what has to be a function.

        Raises:
            UsageError: It cannot be loaded, or is none.
        """
        found: object = self.load()
        if not callable(found):
            raise self.explain(f"{self.value} is a {type(found).__name__}, and no function")
        return found

    def make(self, kind: type, *arguments: object) -> Any:
        """Call what stands there, for something of this type.

        Raises:
            UsageError: It cannot be loaded, is no function, or made something else.
        """
        made = self.load_function()(*arguments)
        if not isinstance(made, kind):
            raise self.explain(f"{self.value} made a {type(made).__name__}, and no {kind.__name__}")
        return made


class Plugins:
    """The plugins of one kind.

    Args:
        kind: `methods`, `judges`, `retrievers` or `models`: the group of entry points is `dikast.KIND`.
        taken: Names of dikast's own; asked for when plugins are.
    """

    def __init__(self, kind: str, taken: Callable[[], Collection[str]] = tuple) -> None:
        self.kind, self._taken = kind, taken

    def declared(self) -> list[Plugin]:
        """All that packages declare, by name, the broken ones among them."""
        declared = sorted(scan(tuple(sys.path)).get(self.kind, ()), key=lambda one: (one.name, one.package))
        taken = {plain(name) for name in self._taken()} if declared else set[str]()
        names = [plain(one.name) for one in declared]
        return [self._judged(one, taken, names) for one in declared]

    def every(self) -> dict[str, Plugin]:
        """Those that can be used, as far as one sees without importing them, by name with `-` for `_`."""
        return {plain(one.name): one for one in self.declared() if not one.problem}

    def find(self, name: str) -> Plugin | None:
        """The plugin of a name, written with `-` or `_`; `None` for none.

        Raises:
            UsageError: Packages declare it, and it is left out.
        """
        found = [one for one in self.declared() if plain(one.name) == plain(name)]
        if found and found[0].problem:
            raise found[0].explain(found[0].problem)
        return found[0] if found else None

    def _judged(self, one: Plugin, taken: Collection[str], names: list[str]) -> Plugin:
        name, problem = plain(one.name), ""
        if not NAME.fullmatch(one.name):
            problem = "a name has small letters, digits, - and _, and begins with a letter"
        elif not is_place(one.value):
            problem = f"{one.value!r} is no place: write MODULE:NAME"
        elif name in taken:
            problem = "the name is dikast's own"
        elif names.count(name) > 1:
            problem = "another plugin has the same name; neither is used"
        return Plugin(one.kind, one.name, one.value, one.package, one.version, one.about, problem) if problem else one


@lru_cache(maxsize=1)
def scan(path: tuple[str, ...]) -> Mapping[str, tuple[Plugin, ...]]:
    """What packages on the path declare for dikast, by kind."""
    from importlib.metadata import entry_points

    del path  # what the cache goes by
    every = [one for group in entry_points().groups if group.startswith("dikast.") for one in of_group(group)]
    return {kind: tuple(one for one in every if one.kind == kind) for kind in {one.kind for one in every}}


def of_group(group: str) -> list[Plugin]:
    """The plugins of one group of entry points."""
    from importlib.metadata import entry_points

    return [read(one, group.removeprefix("dikast.")) for one in entry_points(group=group)]


def read(point: EntryPoint, kind: str) -> Plugin:
    """An entry point with what its distribution says of itself."""
    about = point.dist.metadata if point.dist is not None else None
    package, version = (about["Name"] or "?", about["Version"] or "?") if about is not None else ("?", "?")
    summary = (about["Summary"] if about is not None and "Summary" in about else "") or ""
    return Plugin(kind, point.name, point.value, package, version, " ".join(summary.split()))


def is_place(value: str) -> bool:
    """Whether this is `module:name`, each with dots or without."""
    parts = value.split(":")
    return len(parts) == 2 and all(name.isidentifier() for part in parts for name in part.split("."))


def plain(name: str) -> str:
    """A name as commands have it."""
    return name.replace("_", "-")


def used() -> dict[str, str]:
    """The packages whose plugins this process has loaded, with their versions."""
    return dict(sorted(_used.items()))
