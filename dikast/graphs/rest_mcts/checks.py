"""Checks of final answers: numbers, choices, exact texts, programs that are run, a function of the user's own.

    check = load_check("numeric")                       # also choice, exact
    check = load_check("program")                       # the solution is a Python program; the sandbox runs it
    check = load_check("function:my_module:my_check")

    @checking                                           # in my_module.py
    def my_check(question: str, solution: str, gold: str) -> bool: ...

A spec names only functions that were marked with `@checking`, so that a spec from elsewhere cannot call just any
function (it does import the module it names). A check that raises has no verdict, which is not a verdict of wrong.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, TypeAlias, cast, get_args

from dikast.agents.models.function_identity import name_of
from dikast.errors import UsageError
from dikast.evaluation.answers import Form, final_answer, same, says_end
from dikast.graphs.rest_mcts.roles import AnswerCheck, Answered, Verdict
from dikast.importing import import_scripted
from dikast.records import Outcome
from dikast.sandbox import Policy, Result, Sandbox
from dikast.spec_options import refuse_disallowed

FORMS: tuple[Form, ...] = get_args(Form)
PROGRAM, FUNCTION = "program", "function:"
KNOWN = f"{', '.join(FORMS)}, {PROGRAM} or {FUNCTION}MODULE:NAME"
ENDINGS: Mapping[str, str] = {
    "numeric": "End with a line that holds #### and the number, and nothing else.",
    "choice": "End with a line that holds #### and the letter of your choice, and nothing else.",
    "exact": "End with a line that holds #### and the answer, and nothing else.",
    PROGRAM: "Write one Python program in a code block, and nothing behind it. It assigns its result to `answer`.",
}
FENCE, LABELS = "```", frozenset({"", "python", "py"})
SECONDS = 5.0
"""Of a program; those of school arithmetic take milliseconds."""
Function: TypeAlias = Callable[[str, str, str], bool | Awaitable[bool]]
"""(question, solution, gold answer) -> whether the solution is right."""


def code_blocks(solution: str) -> list[str]:
    """The Python of each code block that is closed, in order; a block of another language is none."""
    found: list[str] = []
    lines: list[str] | None = None
    wanted = False
    for line in solution.split("\n"):
        before, fence, behind = line.partition(FENCE)
        if lines is None:
            if fence and FENCE not in behind:  # else code within a line
                lines, wanted = [], behind.strip().lower() in LABELS
        elif fence:
            if wanted:
                found.append("\n".join([*lines, *([before] if before.strip() else [])]))
            lines = None
        else:
            lines.append(line)
    return found


@dataclass(frozen=True)
class TextCheck:
    """Reads the answer off the solution's text; see `dikast.evaluation.answers`."""

    form: Form

    @property
    def spec(self) -> str:
        """The form."""
        return self.form

    @property
    def ending(self) -> str:
        """See `AnswerCheck.ending`."""
        return ENDINGS[self.form]

    def fingerprint(self) -> Mapping[str, object]:
        """The form."""
        return {"form": self.form}

    def is_end(self, solution: str) -> bool:
        """See `AnswerCheck.is_end`."""
        return says_end(solution)

    async def read(self, solution: str) -> Answered:
        """See `AnswerCheck.read`."""
        return found(final_answer(solution, self.form), ended=self.is_end(solution))

    async def verify(self, question: str, solution: str, gold: str) -> Verdict:
        """See `AnswerCheck.verify`."""
        del question
        return Verdict(same(final_answer(solution, self.form), gold, self.form))


def found(answer: str | None, *, ended: bool, why_not: str = "no answer is said") -> Answered:
    """An answer, if there is one."""
    if answer is None:
        return Answered(None, ended, Outcome.UNPARSED, why_not)
    return Answered(answer, ended)


class ProgramCheck:
    """The solution's last code block is run in the sandbox; what it assigns to `answer` is the answer.

    Numbers are compared as numbers, all else as text.
    """

    spec = PROGRAM
    ending = ENDINGS[PROGRAM]

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy(wall_s=SECONDS)
        self._boxes: dict[asyncio.AbstractEventLoop, _Box] = {}

    def fingerprint(self) -> Mapping[str, object]:
        """The limits that a program may run into."""
        return {"program": {"wall_s": self.policy.wall_s, "memory_bytes": self.policy.memory_bytes}}

    def is_end(self, solution: str) -> bool:
        """See `AnswerCheck.is_end`: a code block is closed."""
        return bool(code_blocks(solution))

    async def read(self, solution: str) -> Answered:
        """See `AnswerCheck.read`."""
        blocks = code_blocks(solution)
        if not blocks:
            return Answered(None, False, Outcome.UNPARSED, "no code block")
        ran = await (await self._sandbox()).run(blocks[-1])
        answer = told_by(ran)
        why = f"the program ended with {ran.status.value}" + (f" ({ran.error.value})" if ran.error else "")
        return found(answer, ended=True, why_not=why)

    async def verify(self, question: str, solution: str, gold: str) -> Verdict:
        """See `AnswerCheck.verify`."""
        del question
        told = await self.read(solution)
        return Verdict(same(told.answer, gold, "numeric") or same(told.answer, gold, "exact"), reason=told.reason)

    async def _sandbox(self) -> Sandbox:
        own = self._boxes.setdefault(asyncio.get_running_loop(), _Box())
        async with own.opening:
            if own.sandbox is None:
                own.sandbox = await Sandbox(self.policy).__aenter__()
        return own.sandbox

    async def aclose(self) -> None:
        """Close the running loop's sandbox, and forget those of loops that have ended."""
        for loop in [one for one in self._boxes if one.is_closed() or one is asyncio.get_running_loop()]:
            box = self._boxes.pop(loop)
            if box.sandbox is not None:
                await box.sandbox.__aexit__(None, None, None)


@dataclass
class _Box:
    """An event loop's sandbox, once it is open."""

    sandbox: Sandbox | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


def told_by(ran: Result) -> str | None:
    """A program's answer as text; `None` if it gave none."""
    if ran.status != "ok":
        return None
    value = ran.answer
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class FunctionCheck:
    """A function of the user's, marked with `checking`; sync functions are called on the event loop."""

    ending = ENDINGS["exact"]

    def __init__(self, function: Function) -> None:
        self.function = function
        self.spec = f"{FUNCTION}{function.__module__}:{getattr(function, '__name__', '')}"

    def __call__(self, question: str, solution: str, gold: str) -> bool | Awaitable[bool]:
        """Call the function itself."""
        return self.function(question, solution, gold)

    def fingerprint(self) -> Mapping[str, object]:
        """The function's name; what it says is the user's to keep the same within a run."""
        return {"function": name_of(cast(FunctionType, self.function))}

    def is_end(self, solution: str) -> bool:
        """See `AnswerCheck.is_end`."""
        return says_end(solution)

    async def read(self, solution: str) -> Answered:
        """See `AnswerCheck.read`: votes are counted by the text of the answer."""
        return found(final_answer(solution, "exact"), ended=self.is_end(solution))

    async def verify(self, question: str, solution: str, gold: str) -> Verdict:
        """See `AnswerCheck.verify`."""
        try:
            told: Any = self.function(question, solution, gold)
            right: object = await told if inspect.isawaitable(told) else told
        except Exception as error:  # the user's own code: whatever it raises is that solution's outcome
            return Verdict(None, Outcome.ERROR, f"the check raised {type(error).__name__}")
        if not isinstance(right, bool):
            return Verdict(None, Outcome.UNPARSED, f"the check gave {type(right).__name__}, and not a truth value")
        return Verdict(right)


def checking(function: Function) -> FunctionCheck:
    """Mark a function as one that a check spec may name."""
    return FunctionCheck(function)


def load_check(spec: str) -> AnswerCheck:
    """A check from its spec; see the module's description.

    Raises:
        UsageError: It is none, or names what there is not.
    """
    if spec in FORMS:
        return TextCheck(spec)
    if spec == PROGRAM:
        return ProgramCheck()
    if spec.startswith(FUNCTION):
        refuse_disallowed("function", f"check {spec!r}")
        return import_scripted(spec.removeprefix(FUNCTION), spec, FunctionCheck, __name__)
    raise UsageError(f"{spec!r} is no check", hint=f"give {KNOWN}")
