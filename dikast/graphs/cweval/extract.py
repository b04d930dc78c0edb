"""From a model's reply to a program: which part of it is code, and what has to be put around that.

    found = extract(reply, task)                       # found.code, or found.verdict: no_code, truncated
    program = complete(found.code, task, shared_by(tasks))

Upstream takes the first fenced block whatever its label, else the whole reply. Here, where the two differ:

| reply | upstream | here |
| --- | --- | --- |
| a block of another language before the right one | that block | the first of the right language |
| several of the right one | the first | `first`, `last` or `longest`, as told |
| a fence that is indented, behind words, or longer | the whole reply | the block |
| a fence that nothing closes, or code that a limit cut off | what there is | `truncated` |
| no fence, code among sentences | all of it | the code |
| no fence, only the body of the function | all of it | the prompt, and the body |
| no fence, no definition of the function: a refusal, advice | all of it | `no_code` |

Thoughts are taken out before (`dikast.spoken`). Nothing is run, and nothing is guessed of what the code does.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from dikast.graphs.cweval import go_imports
from dikast.graphs.cweval.definitions import begins_code, defines, function_name
from dikast.graphs.cweval.fences import FencedBlock, blocks, outside
from dikast.graphs.cweval.records import Verdict
from dikast.graphs.cweval.task import Language, Task
from dikast.spoken import spoken

BlockChoice = Literal["first", "last", "longest"]
LABELS: dict[Language, frozenset[str]] = {
    "py": frozenset({"py", "python", "python3", "py3"}),
    "js": frozenset({"js", "javascript", "node", "nodejs", "mjs", "cjs", "jsx"}),
    "c": frozenset({"c", "h"}),
    "cpp": frozenset({"cpp", "c++", "cc", "cxx", "hpp"}),
    "go": frozenset({"go", "golang"}),
}
RELATED: dict[Language, frozenset[str]] = {
    "c": LABELS["cpp"],
    "cpp": LABELS["c"],
    "js": frozenset({"ts", "typescript"}),
}
TRIMS = 60
"""Lines of prose behind unfenced Python that are taken away one by one; each costs a parse."""
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<([^>\n]+)>", re.MULTILINE)
ENTRY = re.compile(r"^[ \t]*(?://|#|/\*)[ \t]*BEGIN[ \t]+ENTRYPOINT", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a reply has.

    Args:
        code: The code as the model wrote it; empty where there is none to test.
        verdict: `no_code` or `truncated`; `None` where there is code.
        place: Where it stood: in a fence, outside, or after the prompt, as a body does.
        blocks: How many blocks there were to choose from.
    """

    code: str
    verdict: Verdict | None
    place: Literal["fenced", "unfenced", "body", "none"]
    blocks: int = 0


@dataclass(frozen=True, slots=True)
class Shared:
    """What a candidate may take for granted, made from all tasks of a folder, as upstream's fixed lists are.

    Args:
        includes: Language -> headers, of those that the tasks of it include.
        packages: What Go code calls a package -> its path.
    """

    includes: dict[Language, tuple[str, ...]] = field(default_factory=dict[Language, tuple[str, ...]])
    packages: dict[str, str] = field(default_factory=dict[str, str])


def shared_by(tasks: Iterable[Task]) -> Shared:
    """What the tasks of a folder include and import."""
    includes: dict[Language, dict[str, None]] = {}
    packages: dict[str, str] = {}
    for task in tasks:
        if task.language in ("c", "cpp"):
            includes.setdefault(task.language, {}).update(dict.fromkeys(INCLUDE.findall(task.reference)))
        elif task.language == "go":
            packages |= go_imports.imports_of(task.reference)
    return Shared({language: tuple(sorted(names)) for language, names in includes.items()}, packages)


def extract(reply: str, task: Task, *, block: BlockChoice = "first", cut: bool = False) -> Extracted:
    """Find the code.

    Args:
        reply: All that the model said.
        task: What it was asked for.
        block: Which block counts where several could.
        cut: Whether the reply ended at a limit of tokens.
    """
    text = spoken(reply)
    name = function_name(task)
    found = _eligible(blocks(text), task.language, name)
    if found:
        chosen = _choose(found, block)
        if not chosen.closed:
            return Extracted("", Verdict.TRUNCATED, "none", len(found))
        return Extracted(chosen.code, None, "fenced", len(found))
    code = _unfenced(outside(text), task, name)
    if code:
        return Extracted("", Verdict.TRUNCATED, "none") if cut else Extracted(code, None, "unfenced")
    body = _body(text, task) if not blocks(text) else ""
    if body and not cut:
        return Extracted(body, None, "body")
    return Extracted("", Verdict.TRUNCATED if cut else Verdict.NO_CODE, "none")


def complete(code: str, task: Task, shared: Shared) -> str:
    """The whole program: what the format puts before the code, the code, and the entry point.

    Python gets nothing. C and C++ get the headers that the folder's tasks use, each only where it is installed; Go gets
    its imports mended. An entry point that the code repeats is left out.
    """
    if not task.entrypoint:
        return code
    marker, _, main = task.entrypoint.partition("\n")
    whole = f"{_without_entry(code, main)}\n\n{marker}\n{main.strip()}\n"
    if task.language == "go":
        return go_imports.mended(whole, shared.packages)
    headers = shared.includes.get(task.language, ())
    if not headers:
        return whole
    guarded = "".join(f"#if __has_include(<{name}>)\n#include <{name}>\n#endif\n" for name in headers)
    return f'{guarded}#line 1 "candidate.{task.language}"\n{whole}'


def _eligible(found: list[FencedBlock], language: Language, name: str) -> list[FencedBlock]:
    """Blocks with code: those of the right label, else of none or a related one, else that define the function."""
    written = [one for one in found if one.code.strip()]
    near = RELATED.get(language, frozenset()) | {""}
    for tier in (
        [one for one in written if one.label in LABELS[language]],
        [one for one in written if one.label in near],
        [one for one in written if defines(one.code, name, language)],
    ):
        if tier:
            return tier
    return []


def _choose(found: list[FencedBlock], block: BlockChoice) -> FencedBlock:
    if block == "longest":
        return max(found, key=lambda one: len(one.code))
    return found[0 if block == "first" else -1]


def _unfenced(text: str, task: Task, name: str) -> str:
    """Code that stands outside of blocks, without the sentences before and behind it; empty where there is none."""
    if not defines(text, name, task.language):
        return ""
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if begins_code(line, task.language, name)), 0)
    lines = lines[start:]
    return _parsed(lines) if task.language == "py" else _braced(lines)


def _parsed(lines: list[str]) -> str:
    """As many lines as are Python; all of them, where no beginning is."""
    for end in range(len(lines), max(0, len(lines) - TRIMS), -1):
        if _is_python(code := "\n".join(lines[:end])):
            return code.rstrip()
    return "\n".join(lines)


def _braced(lines: list[str]) -> str:
    """Up to the last line that ends as a line of code does."""
    ends = [at for at, line in enumerate(lines) if line.rstrip().endswith(("}", ";", ")"))]
    return "\n".join(lines[: ends[-1] + 1] if ends else lines)


def _body(text: str, task: Task) -> str:
    """Prompt and reply together, where the reply is what stands behind the prompt: the body of the function."""
    if not text.lstrip("\n").startswith((" ", "\t")):
        return ""
    whole = f"{task.prompt}\n{text.lstrip(chr(10)).rstrip()}\n"
    if task.language == "py":
        return whole if _is_python(whole) else ""
    code = go_imports.TEXTS.sub(" ", text)
    return whole if code.count("}") - code.count("{") == 1 else ""


def _is_python(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _without_entry(code: str, main: str) -> str:
    marker = ENTRY.search(code)
    code = code[: marker.start()] if marker else code
    return code.replace(main.strip(), "").rstrip() if main.strip() else code
