"""Commands of any language in a box of their own: compilers, test runners, compiled programs, interpreters.

    async with Programs(Limits(wall_s=5)) as box:
        ran = await box.run(["/usr/bin/python3", "/work/main.py"], files={"/work/main.py": text})
    ran.status, ran.code, ran.stdout

`dikast.sandbox.Sandbox` runs a Python program over a table and lets nothing of the system through. A command needs
files, processes and a temporary folder, so its box is wider: why it is built so is in docs/design/sandbox.md.
"""

from dikast.sandbox.programs.filter import build as filter_for_programs
from dikast.sandbox.programs.layout import Layout, Mount, bounded, words
from dikast.sandbox.programs.limits import Limits, Ran, Status
from dikast.sandbox.programs.programs import Programs, Running

__all__ = [
    "Layout",
    "Limits",
    "Mount",
    "Programs",
    "Ran",
    "Running",
    "Status",
    "bounded",
    "filter_for_programs",
    "words",
]
