"""Import a module of somebody else's package without the package's own `__init__`, which runs when it is asked for.

    with late("nltk", "nltk.stem"):
        from nltk.stem.porter import PorterStemmer

`import nltk.stem.porter` runs `nltk/__init__.py` first, which imports all of nltk, and scipy.stats for it: half of what
starting a GenQR job took, for one file. Inside the block the named packages are in `sys.modules` at once, so that what
lies below them is found. Whatever else is asked of one, and after the block whatever is imported from below it, runs
its `__init__` first, as importing it would have done: whoever uses the package for itself sees no difference.

The standard library's `importlib.util.LazyLoader` does this for modules; of a package it asks for `__path__` as soon
as something below it is imported, and that runs it.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader  # imports zipfile and tempfile, a tenth of what this module is to save
else:
    Loader = object

PATH = "__path__"
"""Where a package's modules lie: the import system asks for it before it looks for one."""


@contextmanager
def late(*names: str) -> Generator[None]:
    """Have packages that are first imported inside the block run only when something of their own is asked for.

    Args:
        names: Full names of packages. A package that they lie in runs as ever, unless it is named, too. What is
            imported from below them has to work without them.
    """
    finder = _Finder(frozenset(names))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for loader in finder.loaders:
            loader.close()


class LatePackage(ModuleType):
    """A package whose `__init__` did not run yet."""

    def __getattr__(self, name: str) -> Any:
        """Inside the block a module below the package; else run it, since only it can say what this is."""
        inside = vars(self)
        if PATH in inside and not name.startswith("__"):
            below = f"{self.__name__}.{name}"
            if PathFinder.find_spec(below, inside[PATH]):
                return import_module(below)
        run(self)
        if name in inside:
            return inside[name]
        if "__getattr__" in inside:
            return inside["__getattr__"](name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self)


def run(module: ModuleType) -> None:
    """Run a late package, after those that it lies in; any other module is left as it is."""
    above = sys.modules.get(module.__name__.rpartition(".")[0])
    if above is not None:
        run(above)
    loader = module.__spec__.loader if module.__spec__ else None
    if isinstance(loader, _Loader):
        loader.run()


class _Finder:
    """Finds the named packages as the import system would, and has them wait."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self.loaders: list[_Loader] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = PathFinder.find_spec(fullname, path) if fullname in self._names else None
        if found is not None and found.loader is not None and found.submodule_search_locations is not None:
            found.loader = _Loader(found.loader)
            self.loaders.append(found.loader)
        return found


class _Loader(Loader):
    """Runs a package when it is told to, by the loader that it has.

    Args:
        own: That one.
    """

    def __init__(self, own: Loader) -> None:
        self._own = own
        self._lock = RLock()
        self._running = False
        self._module: ModuleType | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As ever."""
        return self._own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Only make it wait."""
        self._module = module
        module.__class__ = LatePackage

    def close(self) -> None:
        """From now on what is imported from below the package runs it first."""
        with self._lock:
            if isinstance(self._module, LatePackage) and not self._running:
                vars(self._module).pop(PATH, None)

    def run(self) -> None:
        """Run it once; what it asks of itself meanwhile and has not yet is missing, as in any half-imported module.

        Raises:
            ImportError: What it imports is missing; it may be tried again.
        """
        with self._lock:
            module = self._module
            if module is None or module.__spec__ is None or self._running:
                return
            self._running = True
            try:
                vars(module)[PATH] = module.__spec__.submodule_search_locations
                self._own.exec_module(module)
            except BaseException:
                vars(module).pop(PATH)
                raise
            finally:
                self._running = False
            if module.__class__ is LatePackage:  # else it has made itself something of its own
                module.__class__ = ModuleType
            self._module = None
            module.__loader__ = module.__spec__.loader = self._own
