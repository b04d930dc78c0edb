"""CWEval: code that works and is safe, measured by running it; see `dikast.graphs.cweval.graph`.

Peng, Cui, Huang, Yang, Ray: arXiv 2501.08200. Names are loaded at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.graphs import PUBLIC
from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.evaluation.reducers import pass_at_k
    from dikast.graphs.cweval.context import Context, Input, Output, State, Update
    from dikast.graphs.cweval.executor import Executor
    from dikast.graphs.cweval.extract import complete, extract
    from dikast.graphs.cweval.graph import build, graph
    from dikast.graphs.cweval.reading import read_tasks
    from dikast.graphs.cweval.scores import before_and_after, score
    from dikast.graphs.cweval.task import Task
    from dikast.graphs.cweval.task_oracle import TaskOracle
    from dikast.graphs.cweval.tasks import OWN_TASKS

__all__ = [
    "OWN_TASKS",
    "Context",
    "Executor",
    "Input",
    "Output",
    "State",
    "Task",
    "TaskOracle",
    "Update",
    "before_and_after",
    "build",
    "complete",
    "extract",
    "graph",
    "pass_at_k",
    "read_tasks",
    "score",
]

open_package(
    __name__,
    {
        **PUBLIC,
        "OWN_TASKS": "tasks",
        "Executor": "executor",
        "Task": "task",
        "TaskOracle": "task_oracle",
        "before_and_after": "scores",
        "complete": "extract",
        "extract": "extract",
        "pass_at_k": "scores",
        "read_tasks": "reading",
        "score": "scores",
    },
)
