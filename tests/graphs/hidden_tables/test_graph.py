from __future__ import annotations

import asyncio
import json
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from dikast.agents.models.request import Reply, Request, Sampling
from dikast.agents.models.scripted import ScriptedModel
from dikast.errors import DataError, MissingExtraError, ModelTimeout, ModelUnavailable, SandboxError
from dikast.graphs import hidden_tables
from dikast.graphs.hidden_tables.code_critic import load_code_critic
from dikast.graphs.hidden_tables.context import MAX_TURNS
from dikast.graphs.hidden_tables.graph import ENDING
from dikast.graphs.hidden_tables.roles import CodeCritic
from dikast.graphs.hidden_tables.roles import TableOracle as Protocol
from dikast.graphs.hidden_tables.rounds import MESSAGES, STATUS_OUTCOMES
from dikast.sandbox import Policy, Status, launch
from dikast.tables import feedback
from dikast.tables.ledger import Ledger
from dikast.tables.oracle import TableOracle
from dikast.tables.secret import Secret
from tests.games import POLICY, Heard, code, folder, oracle, play

__all__ = ["folder", "oracle"]  # fixtures

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAX = code("answer = df['points'].max()")
WHO = code("answer = df[df['points'] == df['points'].max()]['name'].tolist()")
KEY = code("answer = df['nope']")


async def test_an_oracle_is_one_by_shape(oracle: TableOracle) -> None:
    held: Protocol = oracle
    assert isinstance(held, Protocol)


async def test_a_game(oracle: TableOracle) -> None:
    heard = Heard(MAX)
    output = await play(oracle, heard)
    [turn] = output["turns"]
    assert (turn["status"], turn["correct"], turn["rounds"], turn["answer"]) == ("ok", True, 1, None)
    assert (output["outcome"], output["correct"], output["tier"]) == ("ok", True, await oracle.ready())
    told = heard.told(0)
    for part in ("Role:", "Instructions:", "num(x)", "date(x)", "norm(x)", "Schema:\nThe", '- "points": integer'):
        assert part in told
    assert told.endswith("Question: most points?")


async def test_the_answer_goes_to_the_user_and_into_the_result_only_where_allowed(oracle: TableOracle) -> None:
    given: list[tuple[str, list[str]]] = []

    def deliver(question: str, answer: Secret[list[str]]) -> None:
        given.append((question, answer.reveal()))

    oracle.deliver = deliver
    try:
        silent = await play(oracle, Heard(WHO), id="who")
        kept = await play(oracle, Heard(WHO), id="who", keep_answers=True)
    finally:
        oracle.deliver = None
    assert given == [("who", ["bob", "cyd"])] * 2
    assert "bob" not in json.dumps(silent)
    assert kept["turns"][0]["answer"] == ["bob", "cyd"]
    assert silent["correct"] is kept["correct"] is True


@pytest.mark.parametrize(
    ("reply", "status", "outcome", "correct"),
    [
        ("I cannot see the table.", "no_code", "unparsed", False),
        (code(""), "no_code", "unparsed", False),
        ("\n".join([MAX] * 10), "many_blocks", "unparsed", False),
        ("```python\nanswer = df", "cut", "unparsed", False),
        ("   ", "no_reply", "empty", False),
        (code("while True:\n    pass"), "timeout", "timeout", False),
        (code("df['nope']"), "error:KeyError", "error", False),
        (code("def f():\n    f()\nf()"), "error:RecursionError", "error", False),
        (code("import os\nos.abort()"), "crash", "error", False),
        (code("answer = 'x' * 10**6"), "output", "limit", False),
        (code("answer = list(range(5000))"), "bad_answer", "unparsed", False),
        (code("x = bytearray(1 << 33)"), "memory", "limit", False),
        (code("x = 1"), "no_answer", "empty", False),
        (code("# " + "x" * 70_000), "refused", "limit", False),
        (code("answer = []"), "empty", "ok", False),
        (code("answer = 8"), "ok", "ok", False),
        (MAX, "ok", "ok", True),
    ],
)
async def test_how_a_game_ends(folder: Any, oracle: TableOracle, reply: str, status: str, outcome: str, correct: bool):
    quick = oracle
    if status == "timeout":
        policy = Policy(wall_s=1.0, cpu_s=30, memory_bytes=256 << 20, workers=1)
        quick = TableOracle(folder / "tables", questions=folder / "questions.jsonl", policy=policy)
    output = await play(quick, Heard(reply), rounds=1)
    [turn] = output["turns"]
    assert (turn["status"], output["outcome"], output["correct"]) == (status, outcome, correct), output
    assert outcome == "ok" or output["reason"]
    if quick is not oracle:
        await quick.aclose()


async def test_a_question_without_gold_is_not_judged(oracle: TableOracle) -> None:
    for reply in (MAX, "prose"):
        assert (await play(oracle, Heard(reply), id="open", rounds=1))["correct"] is None


async def test_a_failed_program_is_tried_again_with_one_code(oracle: TableOracle) -> None:
    heard = Heard("prose", KEY, MAX)
    output = await play(oracle, heard)
    assert output["correct"] is True
    assert [one["feedback"] for one in output["rounds"]] == ["no_code", "KeyError", ""]
    assert [one["bits"] for one in output["rounds"]] == [0, 4, 0]
    assert [message["role"] for message in heard.requests[1].messages] == ["system", "user", "assistant", "user"]
    assert heard.requests[1].messages[2]["content"] == "prose"
    assert heard.requests[2].messages[2]["content"] == KEY
    assert heard.requests[2].messages[3]["content"].startswith("The program raised KeyError.\n")
    assert output["bits"] == 4


@pytest.mark.parametrize("rounds", [1, 2, 5])
async def test_rounds_are_bounded(oracle: TableOracle, rounds: int) -> None:
    heard = Heard(KEY)
    output = await play(oracle, heard, rounds=rounds, bits=1000)
    assert len(heard.requests) == len(output["rounds"]) == rounds
    assert output["bits"] == 4 * (rounds - 1)


@pytest.mark.parametrize(
    ("detail", "budget", "calls"),
    [("errors", 0, 1), ("errors", 3.9, 1), ("errors", 4, 2), ("errors", 8, 3), ("outcome", 3, 4), ("status", 6, 3)],
)
async def test_bits_are_bounded(oracle: TableOracle, detail: str, budget: float, calls: int) -> None:
    heard = Heard(KEY)
    output = await play(oracle, heard, rounds=16, bits=budget, feedback=detail)
    assert len(heard.requests) == calls
    assert output["bits"] == pytest.approx((calls - 1) * feedback.bits(detail))
    assert output["bits"] <= budget


async def test_bits_are_counted_over_all_questions_of_a_game(oracle: TableOracle) -> None:
    heard = Heard(KEY)
    follow_ups = [{"question": "and now?"}] * 5
    output = await play(oracle, heard, rounds=3, bits=8, follow_ups=follow_ups)
    assert output["bits"] == 8
    assert [turn["rounds"] for turn in output["turns"]] == [3, 1, 1, 1, 1, 1]


async def test_replies_without_code_cost_no_bits_and_are_bounded_too(oracle: TableOracle) -> None:
    heard = Heard("prose")
    output = await play(oracle, heard, rounds=4, bits=0)
    assert (len(heard.requests), output["bits"]) == (4, 0)


async def test_follow_ups_are_bounded_by_the_input_schema() -> None:
    schema = json.dumps(hidden_tables.graph.get_input_jsonschema())
    assert f'"maxItems": {MAX_TURNS - 1}' in schema


async def test_prev_is_inside_the_box_and_nowhere_else(oracle: TableOracle) -> None:
    heard = Heard(WHO, code("answer = [name for name in prev if name > 'bob']"))
    output = await play(oracle, heard, id="who", follow_ups=[{"question": "Which comes later?"}], keep_answers=True)
    assert output["turns"][1]["answer"] == ["cyd"]
    told = heard.told(1)
    assert "prev holds the answer" in told
    assert WHO in told
    assert "bob" not in told.replace("'bob'", "")


async def test_prev_is_none_after_a_question_without_an_answer(oracle: TableOracle) -> None:
    heard = Heard(KEY, code("answer = str(prev)"))
    output = await play(oracle, heard, rounds=1, follow_ups=[{"question": "And?"}], keep_answers=True)
    assert [turn["answer"] for turn in output["turns"]] == [None, ["None"]]
    assert output["outcome"] == "error"
    assert output["reason"].startswith("1 of 2 questions")


async def test_an_empty_answer_is_tried_again_unless_told_otherwise(oracle: TableOracle) -> None:
    for retry, calls in ((True, 2), (False, 1)):
        heard = Heard(code("answer = []"), MAX)
        await play(oracle, heard, retry_empty=retry)
        assert len(heard.requests) == calls


async def test_most_programs_decide_and_only_groups_come_out(oracle: TableOracle) -> None:
    heard = Heard(code("answer = 8"), MAX, code("answer = ['7.0']"), KEY, "prose")
    knobs: dict[str, Any] = {"samples": 5, "sampling": Sampling(temperature=1.0)}
    output = await play(oracle, heard, **knobs, follow_ups=[{"question": "And?"}], rounds=1)
    first = output["rounds"][0]
    by_sample = {one["sample"]: one for one in first["executions"]}
    assert [by_sample[at]["group"] for at in range(4)] == [0, 1, 1, None]
    assert first["chosen"] == 1
    assert output["turns"][0]["correct"] is True
    # Which of them was chosen depends on the data: the Solver is not shown it.
    assert "df['points'].max()" not in heard.told(5)


async def test_samples_that_cannot_differ_are_refused(oracle: TableOracle) -> None:
    with pytest.raises(ValidationError, match="temperature"):
        hidden_tables.Context(solver=Heard(MAX).solver, oracle=oracle, samples=2)


def critic(*said: object) -> tuple[CodeCritic, list[str]]:
    told: list[str] = []

    def review(request: Request) -> str:
        told.append("\n".join(message["content"] for message in request.messages))
        reply = said[min(len(told) - 1, len(said) - 1)]
        return reply if isinstance(reply, str) else json.dumps(reply)

    return load_code_critic(ScriptedModel(review)), told


OBJECTS = {"approved": False, "remark": "There is no column nope."}


async def test_a_critic_sends_a_program_back_unrun(oracle: TableOracle) -> None:
    reader, told = critic(OBJECTS, {"approved": True, "remark": ""})
    heard = Heard(KEY, MAX)
    output = await play(oracle, heard, critic=reader)
    assert output["correct"] is True
    assert output["rounds"][0]["executions"] == []
    assert (output["rounds"][0]["feedback"], output["bits"]) == ("objected", 4)
    assert heard.requests[1].messages[-1]["content"].startswith(MESSAGES["objected"] + " There is no column nope.")
    assert "most points?" in told[0]
    assert "df['nope']" in told[0]


@pytest.mark.parametrize("other", ["prose", code("answer = []")])
async def test_of_several_programs_the_one_that_was_sent_back_is_shown(oracle: TableOracle, other: str) -> None:
    def review(request: Request) -> str:
        against = "nope" in request.messages[-1]["content"]
        return json.dumps(OBJECTS if against else {"approved": True, "remark": ""})

    def write(request: Request) -> str:
        if len(request.messages) > 2:
            return MAX
        # Samples are told apart by their seeds; the program that is sent back comes last where the other is prose.
        return other if (request.sampling.seed == 0) == (other == "prose") else KEY

    heard = Heard(write)
    knobs: dict[str, Any] = {"samples": 2, "sampling": Sampling(temperature=1.0, seed=0)}
    output = await play(oracle, heard, critic=load_code_critic(ScriptedModel(review)), **knobs)
    assert (output["rounds"][0]["feedback"], output["correct"]) == ("objected", True)
    again = [request for request in heard.requests if len(request.messages) > 2]
    for request in again:
        assert "df['nope']" in request.messages[-2]["content"]
        assert request.messages[-1]["content"].startswith(MESSAGES["objected"] + " There is no column nope.")


async def test_a_critics_reviews_are_bounded_and_the_program_runs_in_the_end(oracle: TableOracle) -> None:
    for reviews, rounds, asked in ((1, 4, 1), (2, 4, 2), (9, 3, 2), (0, 4, 0)):
        reader, told = critic(OBJECTS)
        output = await play(oracle, Heard(MAX), critic=reader, reviews=reviews, rounds=rounds)
        assert len(told) == asked
        assert output["correct"] is True


async def test_a_critic_that_cannot_be_read_neither_approves_nor_objects(oracle: TableOracle) -> None:
    reader, _ = critic("looks fine to me")
    output = await play(oracle, Heard(MAX), critic=reader)
    assert output["correct"] is True
    assert [(one["approved"], one["outcome"]) for one in output["reviews"]] == [(None, "unparsed")]


async def test_a_failed_call_is_an_outcome(oracle: TableOracle) -> None:
    def late(request: Request) -> str:
        raise ModelTimeout("no reply within 1 s")

    heard = Heard(late)
    output = await play(oracle, heard)
    assert (output["outcome"], output["turns"][0]["status"], len(heard.requests)) == ("timeout", "no_reply", 1)
    assert "no reply within 1 s" in output["reason"]


async def test_a_model_that_is_not_there_ends_the_run(oracle: TableOracle) -> None:
    def gone(request: Request) -> str:
        raise ModelUnavailable("nobody listens")

    with pytest.raises(ModelUnavailable):
        await play(oracle, Heard(gone))


async def test_a_reply_cut_by_its_limit_is_not_run(oracle: TableOracle) -> None:
    output = await play(oracle, Heard(Reply("```python\nanswer = df['poi", "length", 1, 1)), rounds=1)
    assert output["turns"][0]["status"] == "cut"


async def test_no_sandbox_no_game(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked and nothing runs; one line says what to install."""

    def none(*arguments: object, **named: object) -> object:
        raise MissingExtraError("bubblewrap 0.8 or newer", hint="apt install bubblewrap")

    monkeypatch.setattr(launch, "start", none)
    heard = Heard(MAX)
    with pytest.raises(SandboxError, match="no program is run") as told:
        await play(TableOracle(folder / "tables", policy=POLICY), heard)
    assert heard.requests == []
    assert "pip install" in told.value.hint
    assert told.value.exit_code == 4


async def test_missing_and_foreign_context() -> None:
    graph: Any = hidden_tables.graph
    for context in (None, object()):
        with pytest.raises(TypeError, match="hidden_tables"):
            await graph.ainvoke({"table": "points", "question": "?"}, context=context)


async def test_a_table_that_is_not_there(oracle: TableOracle) -> None:
    context = hidden_tables.Context(solver=Heard(MAX).solver, oracle=oracle)
    with pytest.raises(DataError, match="no table is called 'nope'"):
        await hidden_tables.graph.ainvoke({"table": "nope", "question": "?"}, context=context)


async def test_secret_headers_are_neither_told_nor_needed(oracle: TableOracle) -> None:
    heard = Heard(code("answer = df['c2'].max()"))
    output = await play(oracle, heard, secret=("points",))
    assert output["correct"] is True
    assert '"c2"' in heard.told(0)
    assert '"points"' not in heard.told(0)
    hidden = Heard(code("answer = df['c2'].max()"))
    assert (await play(oracle, hidden, secret=None))["correct"] is True
    assert '"city"' not in hidden.told(0)


async def test_wide_tables_list_the_columns_that_the_question_is_about(oracle: TableOracle) -> None:
    heard = Heard(MAX)
    await play(oracle, heard, max_columns=1)
    assert '"points"' in heard.told(0)
    assert '"name"' not in heard.told(0)


async def test_every_code_has_a_sentence_and_every_status_an_outcome() -> None:
    codes = {code for codes in feedback.CODES.values() for code in codes} - {"ok"}
    assert codes <= set(MESSAGES)
    assert {status.value for status in Status} == set(STATUS_OUTCOMES)
    assert [len(codes) for codes in feedback.CODES.values()] == [2, 7, 16]


async def test_a_context_survives_json(oracle: TableOracle, folder: Any) -> None:
    spec = f"tables:{folder}/tables?questions={folder}/questions.jsonl&shape=own&wall_s=5.0"
    given = {"solver": "openvino:smollm2-135m", "oracle": spec, "critic": "openvino:smollm2-135m"}
    context = hidden_tables.Context.model_validate(given)
    again = hidden_tables.Context.model_validate_json(context.model_dump_json())
    assert isinstance(again.oracle, TableOracle)
    assert again.oracle.policy.wall_s == 5
    assert again.oracle.fingerprint() == context.oracle.fingerprint()


QUICK, SLOW = "answer = []", "import time\ntime.sleep(600)"


@pytest.mark.parametrize("program", [QUICK, SLOW])
async def test_with_a_tick_replies_leave_when_they_are_due(oracle: TableOracle, program: str) -> None:
    """A quick program's reply waits; a program that has not ended is a timeout. So does the game's own end."""
    times: list[float] = []

    def reply(_: Request) -> str:
        times.append(time.monotonic())
        return code(program)

    output = await play(oracle, Heard(reply), rounds=2, tick=0.5)
    times.append(time.monotonic())
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.5
    if program is SLOW:
        assert [one["feedback"] for one in output["rounds"]] == ["timeout", ""]
        assert (output["turns"][0]["status"], output["turns"][0]["correct"]) == ("timeout", False)
    while ENDING:
        await asyncio.wait(set(ENDING))


async def test_a_late_program_is_failed_where_no_more_is_told(oracle: TableOracle) -> None:
    output = await play(oracle, Heard(code(SLOW)), rounds=2, tick=0.1, feedback="outcome")
    assert [one["feedback"] for one in output["rounds"]] == ["failed", ""]


async def test_what_a_table_lets_out_is_bounded_across_games(oracle: TableOracle, tmp_path: Path) -> None:
    """Sixteen codes are four bits: two rounds fit into ten, in two games or in one; then each question has one try."""
    knobs: dict[str, Any] = {"rounds": 2, "table_bits": 10.0, "ledger": str(tmp_path / "bits.sqlite")}
    outputs = [await play(oracle, Heard(code(QUICK)), **knobs, user=user) for user in ("ann", "bob", "ann", "cyd")]
    assert [output["bits"] for output in outputs] == [4.0, 4.0, 0.0, 0.0]
    assert [len(output["rounds"]) for output in outputs] == [2, 2, 1, 1]
    [ann, bob] = Ledger(tmp_path / "bits.sqlite").rows()
    assert (ann[1:], bob[1:]) == (("ann", 4.0), ("bob", 4.0))
    assert ann[0] == bob[0] == str(oracle.library.path("points").resolve())


async def test_a_game_that_goes_well_is_charged_too(oracle: TableOracle, tmp_path: Path) -> None:
    file = tmp_path / "bits.sqlite"
    await play(oracle, Heard(code("answer = 7")), rounds=2, ledger=str(file))
    assert [bits for *_, bits in Ledger(file).rows()] == [4.0]


async def test_a_budget_needs_an_oracle_that_counts(oracle: TableOracle) -> None:
    promised = [name for name in dir(Protocol) if not name.startswith("_")]
    bare: Any = SimpleNamespace(**{name: getattr(oracle, name) for name in promised})
    hidden_tables.Context(solver=Heard("").solver, oracle=bare)
    with pytest.raises(ValidationError, match="need an oracle that keeps a ledger"):
        hidden_tables.Context(solver=Heard("").solver, oracle=bare, table_bits=1.0)
