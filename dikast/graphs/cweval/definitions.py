"""Which function a prompt asks for, and whether a text defines it.

function_name(task)                                # "read_note"
defines(text, "read_note", "py")                   # "def read_note(" at the beginning of a line
"""

from __future__ import annotations

import re

from dikast.graphs.cweval.task import Language, Task

C_COMMENTS = re.compile(r"//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?")
NAMES: dict[Language, re.Pattern[str]] = {
    "py": re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE),
    "js": re.compile(
        r"^(?:async[ \t]+)?(?:function\b[ \t*]*|const[ \t]+|let[ \t]+|var[ \t]+|class[ \t]+)(\w+)", re.MULTILINE
    ),
    "go": re.compile(r"^func[ \t]+(?:\([^)\n]*\)[ \t]*)?(\w+)", re.MULTILINE),
}
C_NAME = re.compile(r"^(?:[A-Za-z_][\w:<>,*& \t]*[ \t*&])?(\w+)[ \t]*\(", re.MULTILINE)
STARTS: dict[Language, re.Pattern[str]] = {
    "py": re.compile(
        r"^(?:(?:import|from|def|class|async def)[ \t]|@\w|#|\"\"\"|'''|[A-Za-z_]\w*[ \t]*(?::[ \t]*\w[^=]*)?=[ \t]*\S)"
    ),
    "js": re.compile(
        r"^(?:(?:const|let|var|function|async|class|import)[ \t]|//|/\*|['\"]use strict|module\.|exports\.)"
    ),
    "c": re.compile(r"^(?:#[ \t]*\w|//|/\*|(?:typedef|struct|static|enum|extern|const)[ \t])"),
    "cpp": re.compile(
        r"^(?:#[ \t]*\w|//|/\*|(?:typedef|struct|static|enum|extern|const|using|namespace|template|class)\b)"
    ),
    "go": re.compile(r"^(?:(?:package|import|func|type|var|const)[ \t]|//|/\*)"),
}
"""How a line of code begins, at the left edge; sentences begin otherwise."""


def function_name(task: Task) -> str:
    """The last function that the prompt begins; empty where none is found."""
    if task.language in ("c", "cpp"):
        names = C_NAME.findall(C_COMMENTS.sub(" ", task.prompt))
    else:
        names = NAMES[task.language].findall(task.prompt)
    return names[-1] if names else ""


def defines(text: str, name: str, language: Language) -> bool:
    """Whether a text defines the function, at the left edge of a line as all five languages have it."""
    if not name:
        return False
    return re.search(_definition(name, language), text, re.MULTILINE) is not None


def begins_code(line: str, language: Language, name: str) -> bool:
    """Whether a line of unfenced text is where code begins."""
    return STARTS[language].match(line) is not None or re.match(_definition(name, language), line) is not None


def _definition(name: str, language: Language) -> str:
    name = re.escape(name)
    match language:
        case "py":
            return rf"^(?:async[ \t]+)?(?:def|class)[ \t]+{name}\b|^{name}[ \t]*="
        case "js":
            before = r"(?:export[ \t]+)?(?:async[ \t]+)?(?:function\b[ \t*]*|(?:const|let|var|class)[ \t]+)"
            return rf"^{before}{name}\b"
        case "go":
            return rf"^func[ \t]+(?:\([^)\n]*\)[ \t]*)?{name}\b"
        case _:
            # A type, on this line or the one before, and the name: a sentence that names the function ends otherwise.
            return rf"^(?:[A-Za-z_][\w:<>,*& \t]*[ \t*&])?{name}[ \t]*\((?:[^;.\n]*[{{}}(),])?[ \t]*$"
