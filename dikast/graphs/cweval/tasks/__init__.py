"""Tasks of our own, in the same format as upstream's: twelve weaknesses, five languages.

    read_tasks(OWN_TASKS)

Each has a reference and two insecure variants, needs nothing but its language's own library, and is text of ours. The
scenarios begin at 100, so that none has the id of a task of upstream's. They are data; `docs/methods/cweval.md` says
how one is written.
"""

from __future__ import annotations

from pathlib import Path

OWN_TASKS = Path(__file__).parent
"""The folder to give to `read_tasks`."""
