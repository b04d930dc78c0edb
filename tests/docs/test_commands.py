"""The commands of the README run as they are written there; those of the other pages name what there is."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from dikast.cli import COMMANDS, load
from tests.cli.conftest import Cli, cli
from tests.docs.test_blocks import PAGES, ROOT
from tests.graphs.cweval.small import INSECURE, REFERENCE, TASK, TASK_ID, TEST

__all__ = ["cli"]

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = ("", "bash", "console")
INLINE = re.compile(r"`dikast ([a-z]+)(?: ([a-z][a-z-]+))?(?=[ `])")
GENERATED = ROOT / "docs" / "cli.md"
NOT_OURS = {"--help", "brevity"}
"""The command itself; that of the example plugin, which tests/cli/test_plugins.py runs."""
EVERYONE = """
import json

from dikast.agents.models.scripted import scripted

@scripted
def everyone(request):
    said = "\\n".join(message["content"] for message in request.messages)
    fields = (request.structured and request.structured.json_schema or {}).get("properties", {})
    if any(one.get("type") == "integer" for one in fields.values()):
        points = {name: 6 if "Seven" in said.rpartition(f"<{name}")[2][:40] else 1 for name in fields}
        return json.dumps({name: points[name] if one["type"] == "integer" else "" for name, one in fields.items()})
    if "data frame" in said:
        return "```python\\nanswer = df.loc[df['units'].idxmax(), 'region']\\n```"
    if "write the whole function" in said:
        return "```python\\ndef double(n):\\n    return n * 2\\n```"
    if "[[A]]" in said:
        return "[[A]]"
    if "value partial solutions" in said:
        return '{"reason": "as it should be", "value": 0.9}'
    if "####" in said:
        return "It has eight.\\n#### 8"
    if "the verdict is unknown" in said:
        return '{"reason": "it harms nobody", "verdict": "safe"}'
    if "unsafe" in said:
        return "safe"
    return "tyre, puncture, safe"
"""
FILES = {
    "corpus.jsonl": '{"id": "d1", "contents": "A tyre\'s air."}\n{"id": "d2", "contents": "Red leaves."}\n',
    "topics.tsv": "q7\tflat tyre\n",
    "qrels.txt": "q7 0 d1 1\n",
    "pairs.csv": "instruction,response_1,response_2,gold\nAdd 2 and 2.,4,5,1\nName a colour.,seven,red,2\n",
    "sales.csv": "region,year,units\nnorth,2023,3\nsouth,2023,7\n",
    "prompts.csv": "prompt,gold\nName a prime.,Seven is a prime.\n",
    "tasks.csv": "instruction,answer,task\nName a prime.,Seven is a prime.,Math\n",
    "questions.csv": "question\nHow many legs has a spider?\n",
    "gsm8k.jsonl": '{"question": "How many legs has a spider?", "answer": "It has eight.\\n#### 8"}\n',
    "CWEval/core/py/cwe_190_9_task.py": TASK,
    "CWEval/core/py/cwe_190_9_test.py": TEST,
    "CWEval/core/py/cwe_190_9_unsafe.py": INSECURE,
    "samples.jsonl": json.dumps({"task_id": TASK_ID, "solution": REFERENCE}),
    "examples/plan.toml": (ROOT / "examples" / "plan.toml").read_text(encoding="utf-8"),
    "own_method.py": (ROOT / "examples" / "own_method.py").read_text(encoding="utf-8"),
}


def commands(page: Path) -> list[list[str]]:
    """The words of each `dikast` command in a page's blocks, `export`s among them."""
    blocks = [text for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")) if kind in SHELL]
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    bare = [re.sub(r"\s+#\s.*", "", line).removeprefix("$ ").strip() for line in lines]
    words = [shlex.split(line) for line in bare if line.startswith(("dikast ", "export "))]
    return [line[: line.index("|")] if "|" in line else line for line in words]


def found(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words name, and what remains of them."""
    command, rest = load(words[0]), words[1:]
    while rest and rest[0] in getattr(command, "commands", {}):
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def test_the_commands_of_the_readme_run(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a scripted model in place of a server; in order, since later ones read what earlier ones wrote."""
    (tmp_path / "modules" / "somebody.py").write_text(EVERYONE, encoding="utf-8")
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    told: dict[str, str] = {}
    for first, *words in commands(ROOT / "README.md"):
        given = [re.sub(r"server:http\S+", "scripted:somebody:everyone", word) for word in words]
        given = [match for word in given for match in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
        if first == "export":
            monkeypatch.setenv(*given[0].split("=", 1))
            continue
        ran = cli(*given)
        assert ran.code == 0, (given, ran.err)
        told[" ".join(given[:2])] = ran.out
    assert set(told) == {
        *("genqr run", "runs show", "judge run", "judge report", "tables play"),
        *("summhay make", "summhay run", "summhay report", "summhay score"),
        *("astral plan", "astral run", "astral report", "run own_method:graph"),
        *("dno run", "runs export", "tapir run", "tune genqr", "rest-mcts run"),
        "view runs/x",
        *("cweval check", "cweval run", "cweval report", "cweval score"),
    }
    assert told["tables play"] == "south\n"
    assert "scripted:somebody:everyone\t72\t" in told["astral report"]


FILE = re.compile(r"^<!-- (\S+) -->\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_tutorial_runs(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its own files, in order, and a scripted model in place of the embedded one; `doctor` and `models` aside."""
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    (tmp_path / "modules" / "somebody.py").write_text(EVERYONE, encoding="utf-8")
    monkeypatch.setenv("DIKAST_MODEL", "scripted:somebody:everyone")
    for name, text in FILE.findall(page):
        Path(name).write_text(text, encoding="utf-8")
    told: list[str] = []
    for _, *words in commands(ROOT / "docs" / "tutorial.md"):
        if words[0] not in {"models", "doctor"}:
            ran = cli(*words)
            assert ran.code == 0, (words, ran.err)
            told.append(ran.out)
    assert len(told) == 6
    assert "--tokens" in told[2]
    story = told[-1]
    assert "Why do leaves change colour?" in story
    assert "Mend this answer:" in story


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_have_these_words_and_flags(page: Path) -> None:
    for first, *words in commands(page) if page != GENERATED else ():
        if first == "dikast" and words[0] not in NOT_OURS:
            command, rest = found(words)
            command.make_context(" ".join(words[:2]), rest)  # raises for a flag or a value that is none
    for name, verb in INLINE.findall(page.read_text(encoding="utf-8")):
        assert name in COMMANDS, name
        assert not verb or verb in getattr(load(name), "commands", {verb: None}), (name, verb)
