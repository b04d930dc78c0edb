"""`dikast tapir expand`, as a user types it, on what `dikast tapir run` left behind."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cli

MODELS = """
import hashlib
import json
from pathlib import Path

from dikast.agents.models.scripted import scripted


@scripted
def teacher(request):
    with Path("calls.txt").open("a") as file:
        file.write("x")
    text = request.messages[-1]["content"]
    if request.structured is None:
        return "It is so."
    if request.structured.choice:
        return "Law" if "may I" in text else "Math"
    name = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({"instructions": [f"Add {name[:20]} to {name[20:40]}.", f"May I? Or {name}, may I?"]})
"""
RUN = ("tapir", "expand", "--instructions", "hard.jsonl", "--teacher", "scripted:expand_models:teacher", "-o",
       "runs/e", "--cache", "off", "--json")  # fmt: skip


def test_hard_instructions_become_new_rows(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "modules" / "expand_models.py").write_text(MODELS)
    hard = [{"id": f"h{n}", "instruction": f"How much is {n} and {n}?", "answer": "x", "task": "Math"} for n in "12"]
    (tmp_path / "hard.jsonl").write_text("".join(json.dumps(one) + "\n" for one in hard))
    estimate = json.loads(cli(*RUN, "--dry-run").out)
    assert (estimate["teacher calls at most"], estimate["classifier calls at most"]) == (6, 4)
    assert not (tmp_path / "calls.txt").exists()
    ran = cli(*RUN)
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (told["new"], told["kept"], told["dropped"]) == (4, 2, {"task": 2})
    assert (tmp_path / "calls.txt").read_text() == "x" * 8
    assert cli(*RUN).code == 0
    assert (tmp_path / "calls.txt").read_text() == "x" * 8
    done = cli("runs", "export", "runs/e", "--as", "sft", "-o", "rows")
    assert done.code == 0, done.err
    assert "2: its task is another one" in done.out + done.err
    assert "1 of 2 new instructions kept" in cli("runs", "show", "runs/e", "2").out
    again = cli("tapir", "expand", "--instructions", "none.jsonl", "--teacher", "scripted:expand_models:teacher")
    assert "no such file" in again.err
