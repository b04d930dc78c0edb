"""The scoring graph's knobs and actor (`Context`), and what goes into it and comes out. Light: it loads no engine."""

from __future__ import annotations

import operator
from typing import Annotated, Literal

from pydantic import BaseModel
from typing_extensions import TypedDict

from dikast.flags import NoFlag
from dikast.graphs.cweval.records import Draft, Ended, Judged, Round, Worth
from dikast.graphs.cweval.roles import CodeExecutor
from dikast.wire import CONTEXT, Spec


class Context(BaseModel):
    """What tests, and how code is found."""

    model_config = CONTEXT

    executor: Annotated[
        CodeExecutor, Spec("dikast.graphs.cweval.task_oracle:load_task_oracle"), NoFlag("made of --tasks")
    ]
    """Holds the tasks, and tests code in boxes."""
    block: Literal["first", "last", "longest"] = "first"
    """Which fenced block counts where a solution has several."""


class Input(TypedDict):
    """A sample; `form` is `reply`, `completion` or `program`: see `dikast.graphs.cweval.samples`."""

    task_id: str
    sample: int
    text: str
    form: Literal["reply", "completion", "program"]


class Output(Worth):
    """What the sample's tests said, in the form of `dikast cweval run`; `code` is what was tested."""

    code: str
    rounds: list[Round]


class State(Input, Worth):
    """What the nodes share."""

    code: str
    draft: Draft
    ended: Annotated[list[Ended], operator.add]
    rounds: Annotated[list[Round], operator.add]


class Update(TypedDict, total=False):
    """What a node may write."""

    code: str
    draft: Draft
    ended: list[Ended]
    rounds: list[Round]
    first: Judged | None
    last: Judged | None
    functional: bool
    secure: bool
    func_secure: bool
    outcome: str
    reason: str
