"""A game of HiddenTables told: each question, the schema shown, each round's programs, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dikast.graphs.story import in_brackets
from dikast.pages import Page, Text

RIGHT: Mapping[bool | None, str] = {True: "right", False: "wrong", None: "not judged"}


def story(row: Mapping[str, Any]) -> Page:
    """Question by question, what was written, run and told."""
    output = row["output"]
    title = f"sandbox: {output['tier']}; the Solver learnt at most {output['bits']:g} bits by feedback"
    parts = (part for number in range(len(output["turns"])) for part in _tell_turn(number, output))
    return Page(title, tuple(parts))


def _tell_turn(number: int, output: Mapping[str, Any]) -> Iterator[Text]:
    turn = output["turns"][number]
    yield Text(f"question {number + 1}: {turn['question']}", "heading")
    yield Text(turn["schema"], "quote", "schema")
    for round_ in (one for one in output["rounds"] if one["turn"] == number):
        yield from _tell_round(round_, output)
    kept = "" if turn["answer"] is None else f": {', '.join(turn['answer'])}"
    yield Text(f"{turn['status']}{in_brackets(turn['reason'])}, answer {RIGHT[turn['correct']]}{kept}", label="end")
    labels = turn.get("table")  # runs of older versions have none
    if labels:
        rows = [labels["columns"], *labels["rows"]] if any(labels["columns"]) else labels["rows"]
        yield Text("\n".join(" | ".join(row) for row in rows), "quote", "answer")


def _tell_round(round_: Mapping[str, Any], output: Mapping[str, Any]) -> Iterator[Text]:
    here = (round_["turn"], round_["round"])
    remarks = {one["sample"]: one for one in output["reviews"] if (one["turn"], one["round"]) == here}
    for draft in (one for one in output["drafts"] if (one["turn"], one["round"]) == here):
        yield from _tell_draft(draft, round_)
        if draft["sample"] in remarks:
            yield _tell_remark(remarks[draft["sample"]])
    if round_["feedback"]:
        yield Text(f"{round_['feedback']}, {round_['bits']:g} bits", label="told")


def _tell_draft(draft: Mapping[str, Any], round_: Mapping[str, Any]) -> Iterator[Text]:
    sample = draft["sample"]
    ends = {one["sample"]: one for one in round_["executions"]}
    end = f"ran: {ends[sample]['status']}, answer group {ends[sample]['group']}" if sample in ends else "not run"
    chosen = ", chosen" if sample == round_["chosen"] else ""
    label = f"round {round_['round'] + 1}, program {sample + 1} ({end}{chosen})"
    yield Text(draft["program"] or "(none)", "quote", label)
    if draft["reason"]:
        yield Text(draft["reason"], label=draft["outcome"])


def _tell_remark(said: Mapping[str, Any]) -> Text:
    word = {True: "approves", False: "objects", None: f"said nothing ({said['outcome']})"}[said["approved"]]
    return Text(said["remark"] or said["reason"] or "-", label=f"critic {word}")


def guard(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row without the answers that its owner had it keep."""
    output = row["output"]
    if output is None:
        return row
    turns = [{**turn, "answer": None, **({"table": None} if "table" in turn else {})} for turn in output["turns"]]
    return {**row, "output": {**output, "turns": turns}}
