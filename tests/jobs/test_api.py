from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from dikast import jobs


def test_every_public_name_is_there_whatever_was_imported_before() -> None:
    for module in iter_modules(jobs.__path__):
        import_module(f"dikast.jobs.{module.name}")
    for name in jobs.__all__:
        assert not isinstance(getattr(jobs, name), ModuleType)
    assert jobs.__all__ == sorted(jobs.__all__, key=lambda name: (name[0].islower(), name))


def test_reading_runs_loads_no_heavy_module() -> None:
    code = (
        "import sys; from dikast import jobs; jobs.Run, jobs.list_runs, jobs.diff, jobs.export\n"
        "print([name for name in ('langgraph', 'langchain_core', 'pyarrow', 'pandas') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
