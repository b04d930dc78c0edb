"""One row's whole story: what went in, who said what to whom, what came out, what it cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dikast.cli.output import emit, show, table

Row = Mapping[str, Any]
TOP = 10
"""Ranks compared when telling what moved."""
HEAVIEST = 30
"""Terms of a weighted query that are listed."""


def tell_rows(rows: Sequence[Row], graph: str, as_json: bool) -> None:
    """Print rows whole: one JSON document, or a story each."""
    if as_json:
        emit(rows)
        return
    for row in rows:
        tell_story(row, graph)


def tell_story(row: Row, graph: str) -> None:
    """Print a row of a journal."""
    show(f"row {row['row']}, key {row['key']}, outcome {row['outcome']}" + _because(row["reason"]))
    show(f"input: {json.dumps(row['input'], ensure_ascii=False)}")
    STORIES.get(graph, _output)(row)
    show("\nconversation")
    for number, call in enumerate(row["calls"], start=1):
        _tell_call(number, call)
    show(f"\nspent: {row['seconds']:.2f} s")
    for role, usage in row["usage"].items():
        show(f"  {role}: " + ", ".join(f"{value:g} {name.replace('_', ' ')}" for name, value in usage.items()))
    if row.get("trace"):
        show(f"\n{row['trace']}")


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _tell_call(number: int, call: Mapping[str, Any]) -> None:
    source = call["provenance"]
    kept = ", from the cache" if source["cached"] else ""
    show(f"\n[{number}] {call['role']}, {source['model']}, {source['prompt']}, sample {source['sample']}{kept}")
    for message in call["messages"]:
        show(_indented(message["role"], message["content"]))
    if call["reasoning"]:
        show(_indented("reasoning", call["reasoning"]))
    show(_indented("reply", call["reply"] or f"none: {call['outcome']}{_because(call['reason'])}"))
    usage = ", ".join(f"{value:g} {name.replace('_', ' ')}" for name, value in call["usage"].items())
    show(f"    finish reason {source['finish_reason'] or '-'}, seed {source['seed']}; {usage}")


def _indented(who: str, text: str) -> str:
    return f"  {who}:\n" + "\n".join(f"    {line}" for line in text.splitlines())


def _output(row: Row) -> None:
    show(f"output: {json.dumps(row['output'], ensure_ascii=False, indent=2)}")


def _genqr(row: Row) -> None:
    output = row["output"]
    if output is None:
        return
    if output["feedback"]:
        show("\nfeedback documents")
        table(
            ("document", "shown", "grade", "reason"),
            [
                (
                    one["docid"],
                    "yes" if one["used"] else "no",
                    "-" if one["grade"] is None else one["grade"],
                    one["reason"],
                )
                for one in output["feedback"]
            ],
        )
    if output.get("plan"):
        show(_indented("\nplan", output["plan"]["text"] or output["plan"]["reason"]))
    show("\nkeywords by instruction")
    table(
        ("#", "instruction", "outcome", "keywords"),
        [
            (one["index"] + 1, one["instruction"], one["outcome"], ", ".join(one["keywords"]) or one["reason"])
            for one in output["reformulations"]
        ],
    )
    if output.get("selection"):
        _tell_selection(output["selection"])
    for what, name in (("refined to", "refined"), ("fluent query for people", "fluent")):
        if output.get(name):
            show(f"\n{what}: {output[name]['text'] or output[name]['reason']}")
    for number, query in enumerate(output["queries"], start=1):
        heaviest = sorted(query["terms"].items(), key=lambda term: -term[1])
        listed = " ".join(f"{term}^{weight:.4g}" for term, weight in heaviest[:HEAVIEST])
        more = f" ... and {len(heaviest) - HEAVIEST} more terms" if len(heaviest) > HEAVIEST else ""
        show(f"\nweighted query {number} of {len(output['queries'])}: {listed}{more}")
    if output["baseline"]:
        _tell_moves([hit[0] for hit in output["baseline"]], [hit[0] for hit in output["hits"]])


def _tell_selection(selection: Mapping[str, Any]) -> None:
    """Which reformulations were gone on with, and why."""
    show("\nchosen by " + (selection["by"] or "resemblance"))
    table(
        ("reformulation", "kept", "value", "outcome", "reason"),
        [
            (
                "original query" if one["index"] < 0 else one["index"] + 1,
                "yes" if one["kept"] else "no",
                "-" if one["value"] is None else f"{one['value']:.4g}",
                one["outcome"],
                one["reason"],
            )
            for one in selection["candidates"]
        ],
    )


def _tell_moves(before: list[str], after: list[str]) -> None:
    ranks_before = {docid: rank for rank, docid in enumerate(before, start=1)}
    ranks_after = {docid: rank for rank, docid in enumerate(after, start=1)}
    moved = dict.fromkeys([*after[:TOP], *before[:TOP]])
    rows = [(docid, ranks_before.get(docid), ranks_after.get(docid)) for docid in moved]
    show(f"\nwhat moved among the top {TOP}, before and after")
    table(("document", "before", "after", "moved"), [(docid, a or "-", b or "-", _move(a, b)) for docid, a, b in rows])


def _move(before: int | None, after: int | None) -> str:
    if before is None or after is None:
        return "in" if before is None else "out"
    return f"{before - after:+d}" if before != after else "="


def _reviseval(row: Row) -> None:
    output = row["output"]
    if output is None:
        return
    show(f"verdict: {output['winner'] or output['score'] or 'none'}; in each order: {output['ab']}, {output['ba']}")
    for number, reference in enumerate(output["references"], start=1):
        told = f"{reference['kind']}, {reference['outcome']}{_because(reference['reason'])}"
        of = f" of response {reference['primary']}" if reference["primary"] else ""
        show(f"\nreference {number}: {told}{of}")
        if reference["diagnosis"]:
            _tell_diagnosis(reference["diagnosis"])
        if reference["text"]:
            show(_indented("text", reference["text"]))
    show("\njudgements")
    table(
        ("judge", "reference", "order", "verdict", "P(shown first)", "outcome"),
        [
            (
                one["judge"] + 1,
                "-" if one["reference"] is None else one["reference"] + 1,
                one["order"] + (", after a conflict" if one["synthesis"] else ""),
                one["verdict"] or one["score"] or "-",
                "-" if one["preference"] is None else f"{one['preference']:.3f}",
                one["outcome"] + _because(one["reason"]),
            )
            for one in output["judgements"]
        ],
    )


def _tell_diagnosis(diagnosis: Mapping[str, Any]) -> None:
    edited = f"{diagnosis['edit_distance']:.2f} of its words edited, {diagnosis['kept']:.2f} kept"
    flags = [name.replace("_", " ") for name in ("unchanged", "copies_guide", "nearer_to_guide") if diagnosis[name]]
    added = ", ".join(diagnosis["added_entities"]) or "none"
    show("; ".join([edited, *flags, f"names and numbers added: {added}"]))


def _hidden_tables(row: Row) -> None:
    output = row["output"]
    if output is None:
        return
    show(f"sandbox: {output['tier']}; the Solver learnt at most {output['bits']:g} bits by feedback")
    for number, turn in enumerate(output["turns"]):
        show(f"\nquestion {number + 1}: {turn['question']}")
        show(_indented("schema", turn["schema"]))
        for round_ in (one for one in output["rounds"] if one["turn"] == number):
            _tell_round(round_, output)
        right = {True: "right", False: "wrong", None: "not judged"}[turn["correct"]]
        kept = "" if turn["answer"] is None else f": {', '.join(turn['answer'])}"
        show(f"  end: {turn['status']}{_because(turn['reason'])}, answer {right}{kept}")
        labels = turn.get("table") or {"columns": [], "rows": []}  # runs of older versions have none
        for row in [labels["columns"], *labels["rows"]] if labels["rows"] else []:
            show("    " + " | ".join(row))


def _tell_round(round_: Mapping[str, Any], output: Mapping[str, Any]) -> None:
    here = (round_["turn"], round_["round"])
    ends = {one["sample"]: one for one in round_["executions"]}
    remarks = {one["sample"]: one for one in output["reviews"] if (one["turn"], one["round"]) == here}
    for draft in (one for one in output["drafts"] if (one["turn"], one["round"]) == here):
        sample = draft["sample"]
        end = f"ran: {ends[sample]['status']}, answer group {ends[sample]['group']}" if sample in ends else "not run"
        chosen = ", chosen" if sample == round_["chosen"] else ""
        show(_indented(f"round {here[1] + 1}, program {sample + 1} ({end}{chosen})", draft["program"] or "(none)"))
        if draft["reason"]:
            show(f"    {draft['outcome']}: {draft['reason']}")
        if sample in remarks:
            said = remarks[sample]
            word = {True: "approves", False: "objects", None: f"said nothing ({said['outcome']})"}[said["approved"]]
            show(f"    critic {word}: {said['remark'] or said['reason'] or '-'}")
    if round_["feedback"]:
        show(f"    told: {round_['feedback']}, {round_['bits']:g} bits")


STORIES: Mapping[str, Callable[[Row], None]] = {
    "genqr": _genqr,
    "hidden_tables": _hidden_tables,
    "reviseval": _reviseval,
}
"""Graph -> what is told of its output in place of plain JSON."""
