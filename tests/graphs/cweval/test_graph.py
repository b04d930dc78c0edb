"""The graph over stand-ins: rounds, outcomes, what is asked and what is not. No box is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dikast.agents.models.request import Sampling
from dikast.errors import DataError, MissingExtraError, ModelTimeout, ModelUnavailable, SandboxError, UsageError
from dikast.graphs import cweval
from dikast.graphs.cweval.context import load_style
from dikast.records import Outcome
from tests.graphs.cweval.small import TASK_ID, NoBox, Reader, Said, Writer, fenced, no_box

BAD = fenced("def double(n): ...  # safe\n")
GOOD = fenced("def double(n): ...  # works safe\n")
UNSAFE = fenced("def double(n): ...  # works\n")


async def play(box: NoBox, replies: list[Said], *, sample: int = 0, **knobs: Any) -> tuple[Any, Writer]:
    writer = Writer(replies, cut=knobs.pop("cut", False))
    context = cweval.Context(solver=writer, executor=box, **knobs)
    row: cweval.Input = {"task_id": TASK_ID, "sample": sample}
    return await cweval.graph.ainvoke(row, context=context), writer


@pytest.mark.parametrize(
    ("reply", "outcome", "verdict", "functional", "secure"),
    [
        (GOOD, "ok", "pass", True, True),
        (UNSAFE, "ok", "fail", True, False),
        (BAD, "ok", "fail", False, True),
        (fenced("def double(n): trouble\n"), "error", "sandbox_error", False, False),
        ("I cannot help with that.", "unparsed", "no_code", False, False),
        ("```python\ndef double(n):", "unparsed", "truncated", False, False),
        (Outcome.REFUSED, "refused", "no_code", False, False),
        (Outcome.EMPTY, "empty", "no_code", False, False),
        (Outcome.FILTERED, "filtered", "no_code", False, False),
    ],
)
async def test_each_end_of_a_sample(
    tmp_path: Path, reply: Said, outcome: str, verdict: str, functional: bool, secure: bool
) -> None:
    output, _ = await play(no_box(tmp_path), [reply])
    last = output["last"]
    assert (output["outcome"], last["verdict"]) == (outcome, verdict)
    assert (output["functional"], output["secure"]) == (functional, secure)
    assert output["func_secure"] == (functional and secure) == last["func_secure"]
    assert output["first"] == last


@pytest.mark.parametrize(
    ("error", "outcome"), [(ModelTimeout("no reply within 1 s"), "timeout"), (UsageError("no"), None)]
)
async def test_a_call_that_fails_is_a_record_and_a_wrong_setting_is_raised(
    tmp_path: Path, error: Exception, outcome: str | None
) -> None:
    if outcome is None:
        with pytest.raises(UsageError):
            await play(no_box(tmp_path), [error])
        return
    output, _ = await play(no_box(tmp_path), [error])
    assert (output["outcome"], output["last"], output["code"]) == (outcome, None, "")


async def test_a_model_that_cannot_be_reached_ends_the_job(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        await play(no_box(tmp_path), [ModelUnavailable("gone")])


async def test_a_reply_that_a_limit_cut_off(tmp_path: Path) -> None:
    output, _ = await play(no_box(tmp_path), ["def double(n):\n    return n"], cut=True)
    assert (output["outcome"], output["last"]["verdict"]) == ("unparsed", "truncated")


@pytest.mark.parametrize("rounds", [1, 2, 4])
async def test_rounds_are_bounded_and_each_asks_once(tmp_path: Path, rounds: int) -> None:
    box, critic = no_box(tmp_path), Reader() if rounds > 1 else None
    output, writer = await play(box, [BAD], rounds=rounds, critic=critic)
    assert len(writer.asked) == rounds == len(output["rounds"])
    assert len(critic.shown if critic else []) == rounds - 1 == len(output["remarks"])
    assert [kinds for _, kinds in box.ran] == [
        ("functionality", "security") if number in (0, rounds - 1) else ("functionality",) for number in range(rounds)
    ]


async def test_code_that_works_ends_the_rounds_and_its_security_is_measured(tmp_path: Path) -> None:
    box = no_box(tmp_path)
    output, writer = await play(box, [BAD, BAD, UNSAFE, GOOD], rounds=6, critic=Reader())
    assert len(writer.asked) == 3
    assert [kinds for _, kinds in box.ran] == [
        ("functionality", "security"), ("functionality",), ("functionality",), ("security",),
    ]  # fmt: skip
    first, _, last = output["rounds"]
    assert (first["tested"]["functional"], first["tested"]["secure"]) == (False, True)
    assert (last["tested"]["functional"], last["tested"]["secure"]) == (True, False)
    assert (output["first"]["secure"], output["last"]["secure"], output["secure"]) == (True, False, False)
    assert output["rounds"][1]["tested"]["secure"] is None


async def test_insecure_code_that_works_is_not_written_again(tmp_path: Path) -> None:
    output, writer = await play(no_box(tmp_path), [UNSAFE, GOOD], rounds=3, critic=Reader())
    assert (len(writer.asked), output["last"]["verdict"]) == (1, "fail")


async def test_what_the_second_round_is_told(tmp_path: Path) -> None:
    _, writer = await play(no_box(tmp_path), [BAD, GOOD], rounds=2, critic=Reader(text="Mind the sign."))
    again = writer.asked[1]
    assert "Mind the sign." in again
    assert "test_a, test_b: fail" in again
    assert "test_s" not in again
    assert "def double(n): ...  # safe" in again
    assert "Twice a number below 100" in again
    _, writer = await play(no_box(tmp_path), [BAD, GOOD], rounds=2)
    assert "Reviewer:\nnothing" in writer.asked[1]


async def test_a_security_case_that_failed_is_not_told(tmp_path: Path) -> None:
    critic = Reader()
    output, writer = await play(no_box(tmp_path), [fenced("def double(n): ...  # no\n"), GOOD], rounds=2, critic=critic)
    assert output["first"]["secure"] is False
    assert "test_a" in critic.shown[0]
    assert "test_s" not in critic.shown[0] + writer.asked[1]


async def test_a_reply_without_code_is_asked_for_again(tmp_path: Path) -> None:
    output, writer = await play(no_box(tmp_path), ["No.", GOOD], rounds=2, critic=Reader())
    assert "the reply has no code" in writer.asked[1]
    assert (output["first"]["verdict"], output["last"]["verdict"], output["outcome"]) == ("no_code", "pass", "ok")


async def test_a_critic_that_says_nothing_does_not_end_the_row(tmp_path: Path) -> None:
    output, writer = await play(no_box(tmp_path), [BAD, GOOD], rounds=2, critic=Reader("", Outcome.EMPTY))
    assert (len(writer.asked), output["outcome"]) == (2, "ok")


async def test_a_revision_that_fails_is_the_rows_failure(tmp_path: Path) -> None:
    output, _ = await play(no_box(tmp_path), [BAD, ModelTimeout("no reply")], rounds=2)
    assert output["outcome"] == "timeout"


async def test_trouble_of_the_box_ends_the_rounds(tmp_path: Path) -> None:
    output, writer = await play(no_box(tmp_path), [fenced("def double(n): trouble\n")], rounds=3)
    assert len(writer.asked) == 1
    assert "test_a could not be run" in output["reason"]


class Lacking(NoBox):
    """Something is missing for every task."""

    error: Exception

    async def ready(self, task_id: str) -> None:
        raise self.error


@pytest.mark.parametrize("error", [MissingExtraError("what compiles and runs go"), DataError("no case is marked")])
async def test_a_task_that_cannot_be_tested_is_told_before_a_model_is_asked(tmp_path: Path, error: Exception) -> None:
    box = Lacking(no_box(tmp_path).tasks)
    box.error = error
    output, writer = await play(box, [GOOD])
    assert (output["outcome"], output["reason"], writer.asked) == ("error", str(error), [])


async def test_no_box_at_all_is_raised(tmp_path: Path) -> None:
    box = Lacking(no_box(tmp_path).tasks)
    box.error = SandboxError("no sandbox")
    with pytest.raises(SandboxError):
        await play(box, [GOOD])


async def test_a_sample_has_its_number(tmp_path: Path) -> None:
    _, writer = await play(no_box(tmp_path), [BAD, GOOD], sample=7, rounds=2)
    assert writer.samples == [7, 7]


@pytest.mark.parametrize("style", ["direct", "secure", "completion"])
async def test_styles(tmp_path: Path, style: str) -> None:
    _, writer = await play(no_box(tmp_path), [GOOD], style=style)
    assert "Twice a number below 100" in writer.asked[0]
    assert ("must be secure" in writer.asked[0]) == (style == "secure")
    assert ("code block" in writer.asked[0]) == (style != "completion")
    assert load_style(style).name == f"cweval/{style}"


async def test_a_block_is_chosen(tmp_path: Path) -> None:
    both = f"{UNSAFE}\nBetter:\n{GOOD}"
    assert [(await play(no_box(tmp_path), [both], block=one))[0]["secure"] for one in ("first", "last")] == [
        False,
        True,
    ]


async def test_a_missing_and_a_foreign_context_are_told(tmp_path: Path) -> None:
    row: Any = {"task_id": TASK_ID, "sample": 0}
    foreign: list[Any] = [None, "another graph's"]
    for given in foreign:
        with pytest.raises(TypeError, match=r"pass context=dikast\.graphs\.cweval\.Context"):
            await cweval.graph.ainvoke(row, context=given)
    lacking: Any = {"task_id": TASK_ID}
    with pytest.raises(UsageError, match="sample"):
        await cweval.graph.ainvoke(lacking, context=cweval.Context(solver=Writer([GOOD]), executor=no_box(tmp_path)))


def test_settings_that_do_not_fit_together(tmp_path: Path) -> None:
    known: Any = {"solver": Writer([GOOD]), "executor": no_box(tmp_path)}
    with pytest.raises(ValidationError, match="rounds"):
        cweval.Context(**known, critic=Reader())
    with pytest.raises(ValidationError, match="temperature"):
        cweval.Context(**known, samples=2, sampling=Sampling())
    assert cweval.Context(**known).sampling.temperature == 0.8
    assert cweval.Context(**known).sampling.max_tokens == 2048
