"""GenQR as one step of somebody else's LangGraph app, which has a state and a context of its own.

    python examples/embed_in_an_app.py "car won't start in the cold"

The app answers a question with sources. Its `look_up` node calls the compiled GenQR graph like any other runnable and
maps its own state by hand; GenQR's context travels inside the app's.
"""

from __future__ import annotations

import asyncio
import sys

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel
from typing_extensions import TypedDict

from dikast import load_retriever, load_solver, recording
from dikast.graphs import genqr
from dikast.retrieval.sample import sample_files


class AppContext(BaseModel, frozen=True):
    genqr: genqr.Context
    sources: int = 3


class AppState(TypedDict, total=False):
    question: str
    sources: list[str]
    answer: str


async def look_up(state: AppState, runtime: Runtime[AppContext]) -> AppState:
    question = state.get("question", "")
    found = await genqr.graph.ainvoke({"query": question}, context=runtime.context.genqr, version="v2")
    return {"sources": [docid for docid, _ in found.value["hits"][: runtime.context.sources]]}


async def answer(state: AppState, runtime: Runtime[AppContext]) -> AppState:
    documents = await runtime.context.genqr.retriever.documents(state.get("sources", []))
    return {"answer": "\n\n".join(f"[{document.docid}] {document.contents}" for document in documents)}


app = (
    StateGraph(AppState, context_schema=AppContext)
    .add_node("look_up", look_up)
    .add_node("answer", answer)
    .add_edge(START, "look_up")
    .add_edge("look_up", "answer")
    .add_edge("answer", END)
    .compile(name="app")
)


async def main(question: str) -> None:
    context = genqr.Context(
        solver=load_solver("openvino:smollm2-135m"),
        retriever=load_retriever(f"bm25:{sample_files().corpus}"),
    )
    with recording() as ledger:
        result = await app.ainvoke({"question": question}, context=AppContext(genqr=context))
    print(result["answer"])
    print(f"\n{ledger.usage.calls} model calls, {ledger.usage.output_tokens} tokens", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "car won't start in the cold"))
