"""The files and flags of `dikast judge run`: what becomes a row, who judges, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError, UsageError
from dikast.graphs.method import Given
from dikast.graphs.reviseval.context import Context
from dikast.graphs.reviseval.options import (
    Options,
    make_fields,
    notes,
    read_input,
    refuse_without_reference,
    with_form,
)

CONTEXT = Context.model_construct()


def given(**fields: Any) -> Given:
    return Given(fields=fields, model=lambda: "server:any")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("mode", [None, "reviseval", "direct"])
def test_a_mode_that_makes_references_has_a_solver(mode: str | None) -> None:
    fields = {"mode": mode} if mode else {}
    assert make_fields(Options(), given(**fields)) == {"judges": ("server:any",), "solver": "server:any"}
    named = make_fields(Options(), given(**fields, solver="server:s", judges=("server:a", "server:b")))
    assert named == {"judges": ("server:a", "server:b"), "solver": "server:s"}


@pytest.mark.parametrize("mode", ["free", "human", "commit-first"])
def test_a_mode_without_references_of_its_own_has_none(mode: str) -> None:
    assert make_fields(Options(), given(mode=mode, solver="server:s"))["solver"] is None


def test_a_judges_form_is_the_one_that_is_asked_for_unless_it_names_one_or_is_no_model() -> None:
    live = object()
    specs: list[Any] = ["server:a", "logprobs+server:a", "metrics:bleu", live]
    assert [with_form(spec, "json") for spec in specs] == ["json+server:a", "logprobs+server:a", "metrics:bleu", live]
    assert [with_form(spec, "mark") for spec in specs] == specs
    assert make_fields(Options(verdict="json"), given(mode="free"))["judges"] == ("json+server:any",)


def test_one_kind_of_file_is_named_and_no_more(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", "")
    for options in (Options(), Options(pairs=path, responses=path)):
        with pytest.raises(UsageError, match="nothing to judge, or too much"):
            read_input(options, CONTEXT)


def test_a_pair_has_our_names_and_keeps_its_other_fields(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.jsonl", '{"id": "p", "q": "?", "a": "x", "b": "y", "better": "m", "by": 7, "reference": ""}\n'
    )
    columns = "instruction=q,response_1=a,response_2=b,gold=better"
    [row] = read_input(Options(pairs=path, columns=columns, labels="m=2"), CONTEXT)
    assert {name: row[name] for name in ("id", "instruction", "response_1", "response_2", "by")} == {
        "id": "p", "instruction": "?", "response_1": "x", "response_2": "y", "by": 7,
    }  # fmt: skip
    assert str(row["gold"]) == "2"
    assert "reference" not in row


def test_single_responses_have_ids_and_only_the_optional_fields_that_say_something(tmp_path: Path) -> None:
    text = "instruction\tresponse\treference\tgold\tby\n?\tx\t\t3\tann\n?\ty\tz\t\t\n"
    one, two = read_input(Options(responses=write(tmp_path / "r.tsv", text)), CONTEXT)
    assert (one["response"], one["gold"], one["by"]) == ("x", "3", "ann")
    assert "reference" not in one
    assert (two["response"], two["reference"]) == ("y", "z")
    assert "gold" not in two
    assert one["id"] != two["id"]


def test_two_responses_of_one_id_are_refused_with_both_places(tmp_path: Path) -> None:
    line = '{"id": "r", "instruction": "?", "response": "x"}\n'
    path = write(tmp_path / "r.jsonl", line * 2)
    with pytest.raises(DataError, match=r"r\.jsonl:2: field 'id': 'r' already stands on .*1"):
        read_input(Options(responses=path), CONTEXT)


def test_a_column_of_ours_that_there_is_not_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", "")
    with pytest.raises(UsageError, match=r"no column of ours is called 'answer' \(ours: id, instruction, response"):
        read_input(Options(responses=path, columns="answer=a"), CONTEXT)


def test_without_a_reference_the_first_such_row_is_told() -> None:
    rows = [{"id": "a", "reference": "x"}, {"id": "b", "reference": " "}, {"id": "c"}]
    with pytest.raises(DataError, match=r"p\.jsonl: field 'reference': row 2 \(b\) has no reference"):
        refuse_without_reference(rows, Path("p.jsonl"))
    refuse_without_reference(rows[:1], Path("p.jsonl"))


@pytest.mark.parametrize(("mode", "refused"), [("human", True), ("free", False)])
def test_a_reference_is_asked_for_by_the_mode_that_needs_one(mode: str, refused: bool) -> None:
    rows = [{"id": "1", "instruction": "a", "response": "b"}]
    context = Context.model_construct(mode=mode)
    if refused:
        with pytest.raises(DataError, match="has no reference"):
            notes(Options(), context, rows)
    else:
        assert list(notes(Options(), context, rows)) == []


def test_rows_without_a_label_are_told_before_anything_runs() -> None:
    rows = [{"id": "1", "gold": "1"}, {"id": "2"}, {"id": "3", "gold": ""}]
    context = Context.model_construct(mode="free")
    [told] = notes(Options(), context, rows)
    assert told == "2 of 3 rows have no label: they are judged, and in no figure of agreement"
    assert list(notes(Options(), context, rows[:1])) == []
    assert list(notes(Options(), context, rows[1:])) == []


def test_chosen_and_rejected_become_a_labelled_pair_and_nothing_else_is_lost(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", '{"prompt": "?", "chosen": "x", "rejected": "y", "subset": "hep-go"}\n')
    [row] = read_input(Options(pairs=path, columns="instruction=prompt"), CONTEXT)
    assert row[f"response_{row['gold']}"] == "x"
    assert sorted(row) == ["gold", "id", "instruction", "response_1", "response_2", "subset"]


def talk(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]


def pairs_of(path: Path, *rows: dict[str, Any], **options: Any) -> list[Any]:
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    return list(read_input(Options(pairs=write(path, lines), **options), CONTEXT))


def test_conversations_of_several_turns_become_a_reply_and_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    one, two = talk("a?", "A", "b?", "B"), talk("a?", "X", "b?", "Y")
    [last] = pairs_of(path, {"response_1": one, "response_2": two})
    assert (last["instruction"], last["response_1"], last["response_2"]) == ("b?", "B", "Y")
    assert (last["before_1"], last["before_2"]) == (one[:3], two[:3])
    # The first turn is an instruction with two responses, as any other.
    [first] = pairs_of(path, {"response_1": one, "response_2": two, "turn": 1})
    assert (first["instruction"], first["response_1"], first["response_2"]) == ("a?", "A", "X")
    assert "before_1" not in first
    shared = pairs_of(path, {"instruction": one[:3], "response_1": "B", "response_2": "Y"})
    assert [row["before_2"] for row in shared] == [one[:3]]
    # As TRL has preferences: the prompt's messages, and each reply alone.
    trl = {"prompt": one[:3], "chosen": talk("", "B")[1:], "rejected": talk("", "Y")[1:]}
    [pair] = pairs_of(path, trl, columns="instruction=prompt")
    assert (pair[f"response_{pair['gold']}"], pair["before_1"], pair["before_2"]) == ("B", one[:3], one[:3])
    text = write(tmp_path / "r.jsonl", json.dumps({"response": one}) + "\n")
    [single] = read_input(Options(responses=text), CONTEXT)
    assert (single["instruction"], single["response"], single["before"]) == ("b?", "B", one[:3])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"response_1": talk("a?", "A"), "response_2": talk("z?", "A")}, "last message is another one"),
        ({"response_1": talk("a?", "A"), "response_2": talk("a?", "A"), "turn": 2}, "no reply of turn 2"),
        (
            {"response_1": talk("a?", "A"), "response_2": talk("a?", "A"), "turn": 1.5},
            "field 'turn': not a whole number",
        ),
        (
            {"instruction": talk("a?", "A"), "response_1": "x", "response_2": "y"},
            "does not end with the user's message",
        ),
        (
            {"response_1": [{"role": "bot", "content": "x"}], "response_2": "y"},
            "field 'response_1': message 1 has the role",
        ),
    ],
)
def test_conversations_that_cannot_be_compared_are_told(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=rf"p\.jsonl:1: .*{message}"):
        pairs_of(tmp_path / "p.jsonl", row)


@pytest.mark.parametrize(("mode", "refused"), [("direct", True), ("commit-first", True), ("free", False)])
def test_a_mode_that_answers_the_instruction_takes_no_conversation(mode: str, refused: bool) -> None:
    rows: list[Any] = [{"id": "a"}, {"id": "b", "before_1": talk("a?", "A", "b?")}]
    context = Context.model_construct(mode=mode)
    if refused:
        with pytest.raises(DataError, match=r"row 2 \(b\) is a conversation"):
            notes(Options(), context, rows)
    else:
        assert list(notes(Options(), context, rows)) == []


def test_a_row_may_have_a_rubric_of_its_own(tmp_path: Path) -> None:
    good = {"instruction": "q", "response_1": "a", "response_2": "b"}
    rows = [good | {"rubric": " brief "}, good | {"rubric": ["brief", "true"]}, good | {"rubric": ""}, good]
    found = pairs_of(tmp_path / "p.jsonl", *rows)
    assert [row.get("rubric") for row in found] == ["brief", "- brief\n- true", None, None]
    [mapped] = pairs_of(tmp_path / "m.jsonl", good | {"criteria": "kind"}, columns="rubric=criteria")
    assert mapped["rubric"] == "kind"
    with pytest.raises(DataError, match="field 'rubric': not text"):
        pairs_of(tmp_path / "p.jsonl", good | {"rubric": {"a": 1}})


def test_who_wrote_chosen_and_rejected_goes_with_them(tmp_path: Path) -> None:
    lines = [
        f'{{"instruction": "{n}", "chosen": "x", "rejected": "y", "chosen_model": "good", "rejected_model": "bad"}}\n'
        for n in range(8)
    ]
    rows = read_input(Options(pairs=write(tmp_path / "p.jsonl", "".join(lines))), CONTEXT)
    assert {row["gold"] for row in rows} == {"1", "2"}
    assert {row[f"model_{row['gold']}"] for row in rows} == {"good"}
    path = write(
        tmp_path / "m.jsonl", '{"instruction": "?", "response_1": "x", "response_2": "y", "a": "m", "b": "n"}\n'
    )
    [row] = read_input(Options(pairs=path, columns="model_1=a,model_2=b"), CONTEXT)
    assert (row["model_1"], row["model_2"]) == ("m", "n")
