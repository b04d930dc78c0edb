"""Replies of all kinds, written by us, with what a person takes from each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from dikast.graphs.cweval.definitions import defines, function_name
from dikast.graphs.cweval.extract import BlockChoice, complete, extract, shared_by
from dikast.graphs.cweval.reading import only_tasks, read_tasks
from dikast.graphs.cweval.tasks import OWN_TASKS

TASKS = {task.task_id: task for task in only_tasks(read_tasks(OWN_TASKS))}
PY, JS, C = "core.py.cwe_1333_100", "core.js.cwe_078_100_js", "core.c.cwe_190_100_c"
CPP, GO = "core.cpp.cwe_117_100_cpp", "core.go.cwe_760_100_go"

PYTHON = "def is_slug(text: str) -> bool:\n    return text.isalnum()"
SCRIPT = "function countLines(path) {\n    return 0;\n}"
C_CODE = "int table_bytes(int rows, int columns, int width) {\n    return rows * columns * width;\n}"
CPP_CODE = 'std::string log_line(const std::string &user, const std::string &action) {\n    return "user=" + user;\n}'
GO_CODE = 'func sealPassword(password string) string {\n\treturn password + ":"\n}'


@dataclass(frozen=True)
class Reply:
    task: str
    text: str
    wanted: str
    """The code; `no_code` or `truncated` where there is none."""
    block: BlockChoice = "first"
    cut: bool = False


REPLIES = {
    "a block of the language": Reply(PY, f"Sure!\n\n```python\n{PYTHON}\n```\nIt is linear.", PYTHON),
    "a block without a label": Reply(C, f"```\n{C_CODE}\n```", C_CODE),
    "label in upper case": Reply(JS, f"```JavaScript\n{SCRIPT}\n```", SCRIPT),
    "a shell's block before it": Reply(PY, f"```bash\npip install regex\n```\n\n```py\n{PYTHON}\n```", PYTHON),
    "output behind it": Reply(GO, f"```go\n{GO_CODE}\n```\nprints\n```text\na1:b2\n```", GO_CODE),
    "C labelled as C++": Reply(C, f"```cpp\n{C_CODE}\n```", C_CODE),
    "code under a foreign label": Reply(PY, f"```plaintext\n{PYTHON}\n```", PYTHON),
    "first of two": Reply(PY, f"```python\n{PYTHON}\n```\nFaster:\n```python\nimport re\n```", PYTHON),
    "last of two": Reply(PY, f"```python\npass\n```\nBetter:\n```python\n{PYTHON}\n```", PYTHON, "last"),
    "longest of three": Reply(JS, f"```js\nlet a;\n```\n```js\n{SCRIPT}\n```\n```js\nlet b;\n```", SCRIPT, "longest"),
    "the prompt first, then the code": Reply(
        PY, f"You gave\n```python\ndef is_slug(text): ...\n```\nHere:\n```python\n{PYTHON}\n```", PYTHON, "last"
    ),
    "indented in a list": Reply(
        C, "1. Like so:\n   ```c\n" + "\n".join("   " + line for line in C_CODE.split("\n")) + "\n   ```", C_CODE
    ),
    "a fence of four": Reply(GO, f"````go\n{GO_CODE}\n/*\n```\n*/\n````", f"{GO_CODE}\n/*\n```\n*/"),
    "tildes": Reply(CPP, f"~~~cpp\n{CPP_CODE}\n~~~", CPP_CODE),
    "a fence behind words": Reply(JS, f"Here it is: ```js\n{SCRIPT}\n```", SCRIPT),
    "no fence": Reply(C, C_CODE, C_CODE),
    "no fence, words before": Reply(GO, f"The function you want:\n\n{GO_CODE}", GO_CODE),
    "no fence, words around": Reply(PY, f"Here is it.\n\n{PYTHON}\n\nIt takes linear time, I think.", PYTHON),
    "no fence, words behind": Reply(CPP, f"{CPP_CODE}\n\nThis makes one line of it", CPP_CODE),
    "no fence, headers first": Reply(C, f"#include <limits.h>\n{C_CODE}", f"#include <limits.h>\n{C_CODE}"),
    "only the body, Python": Reply(
        PY, "    return text.isalnum()\n", f"{TASKS[PY].prompt}\n    return text.isalnum()\n"
    ),
    "only the body, C": Reply(C, "    return 0;\n}\n", f"{TASKS[C].prompt}\n    return 0;\n}}\n"),
    "prompt and body": Reply(
        JS, f"{TASKS[JS].prompt}\n    return 0;\n}}", f"{TASKS[JS].prompt}\n    return 0;\n}}"
    ),
    "a refusal": Reply(C, "I'm sorry, but I can't help with that.", "no_code"),
    "advice": Reply(PY, "You could call is_slug(text) with a regular expression, see the documentation.", "no_code"),
    "indented, but no body": Reply(C, "    return 0; }\n}\n", "no_code"),
    "an empty reply": Reply(GO, "", "no_code"),
    "an empty block": Reply(CPP, "```cpp\n\n```", "no_code"),
    "only a shell's block": Reply(JS, "```bash\nnpm install wc\n```", "no_code"),
    "a fence that never closes": Reply(PY, f"```python\n{PYTHON}", "truncated"),
    "cut off without a fence": Reply(C, C_CODE[:70], "truncated", cut=True),
    "cut off before any code": Reply(GO, "First, let us think about", "truncated", cut=True),
    "cut off behind a whole block": Reply(GO, f"```go\n{GO_CODE}\n```\nThis is sa", GO_CODE, cut=True),
    "the last block cut off": Reply(PY, f"```python\n{PYTHON}\n```\n```python\nimport", "truncated", "last"),
    "code in a thought": Reply(PY, f"<think>\n```python\nx = 1\n```\n</think>\n```python\n{PYTHON}\n```", PYTHON),
    "only thoughts": Reply(PY, f"<think>\n```python\n{PYTHON}\n```", "no_code"),
}  # fmt: skip


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_is_read_as_a_person_reads_it(name: str) -> None:
    reply = REPLIES[name]
    found = extract(reply.text, TASKS[reply.task], block=reply.block, cut=reply.cut)
    assert (found.verdict or found.code) == reply.wanted
    assert bool(found.code) == (found.verdict is None)


def test_the_table_is_mixed() -> None:
    assert len(REPLIES) >= 30
    assert {TASKS[reply.task].language for reply in REPLIES.values()} == {"py", "js", "c", "cpp", "go"}


@pytest.mark.parametrize("name", TASKS)
def test_the_function_of_each_task_is_known(name: str) -> None:
    task = TASKS[name]
    assert function_name(task)
    assert defines(task.reference, function_name(task), task.language)


@pytest.mark.parametrize(
    ("name", "before"),
    [
        (PY, "def is_word(text: str) -> bool:\n    return True\n\n"),
        (C, "typedef struct { int n; } Size;\nint product(int a, int b);\n"),
        (CPP, "std::string trimmed(const std::string &text) {\n    return text;\n}\n"),
        (JS, "function isFile(path) {\n    return true;\n}\n"),
        (GO, "func hash(text string) string {\n\treturn text\n}\n"),
    ],
)
def test_the_last_function_of_a_prompt_is_asked_for(name: str, before: str) -> None:
    task = TASKS[name]
    assert function_name(replace(task, prompt=before + task.prompt)) == function_name(task)


def test_python_is_left_alone() -> None:
    assert complete(PYTHON, TASKS[PY], shared_by(TASKS.values())) == PYTHON


def test_c_is_given_headers_and_its_entry_point_once() -> None:
    task = TASKS[C]
    other = "\n// BEGIN ENTRYPOINT\nint main(void) {\n    return 7;\n}\n"
    for code in (
        C_CODE,
        C_CODE + other,
        C_CODE + "\n\n" + task.entrypoint,
        f"{C_CODE}\n{task.entrypoint.partition(chr(10))[2]}",
    ):
        whole = complete(code, task, shared_by(TASKS.values()))
        assert "#if __has_include(<limits.h>)\n#include <limits.h>\n#endif\n" in whole
        assert whole.count("int main(") == 1
        assert '#line 1 "candidate.c"\nint table_bytes' in whole
        assert whole.index("table_bytes") < whole.index("BEGIN ENTRYPOINT") < whole.index("int main(")


def test_a_script_is_given_its_entry_point() -> None:
    task = TASKS[JS]
    assert complete(SCRIPT, task, shared_by(TASKS.values())) == f"{SCRIPT}\n\n{task.entrypoint}"


def test_go_is_given_imports() -> None:
    whole = complete(GO_CODE, TASKS[GO], shared_by(TASKS.values()))
    assert whole.startswith('package main\n\nimport (\n\t"os"') or whole.startswith('package main\n\nimport (\n\t"fmt"')
