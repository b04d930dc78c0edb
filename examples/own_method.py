"""A graph of your own with two roles, as a job from the command line.

    dikast run own_method:graph --rows questions.csv --model openvino:smollm2-135m -o runs/own

`questions.csv` has a column `question`. Each field of `Context` is a flag; the same command again resumes.
"""

from typing import Annotated

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.agents.prompt import parse_prompt
from dikast.agents.roles import Solver
from dikast.agents.solver import load_solver
from dikast.wire import CONTEXT, Spec

ANSWER = parse_prompt("own/answer", b"version: 1\nfields: question\n--- user\n{question}")
REVIEW = parse_prompt("own/review", b"version: 1\nfields: question, answer\n--- user\n{question}\n{answer}\nRight?")


class Context(BaseModel):
    model_config = CONTEXT
    solver: Annotated[Solver, Spec(load_solver, model=True)]
    """Answers."""
    critic: Annotated[Solver, Spec(load_solver, model=True)]
    """Says whether the answer is right."""
    tokens: int = Field(default=60, ge=1)
    """Tokens of a reply at most."""


class Input(TypedDict):
    question: str


class State(Input):
    answer: str
    review: str


async def answer(state: State, runtime: Runtime[Context]) -> dict[str, str]:
    sampling, fields = Sampling(max_tokens=runtime.context.tokens), {"question": state["question"]}
    return {"answer": (await runtime.context.solver.solve(ANSWER, fields, sampling=sampling)).text}


async def review(state: State, runtime: Runtime[Context]) -> dict[str, str]:
    sampling = Sampling(max_tokens=runtime.context.tokens)
    fields = {"question": state["question"], "answer": state["answer"]}
    return {"review": (await runtime.context.critic.solve(REVIEW, fields, sampling=sampling)).text}


builder = StateGraph(State, context_schema=Context, input_schema=Input).add_sequence([answer, review])
graph = builder.set_entry_point("answer").compile(name="own_method")
