"""A case of ASTRAL told: its cell, the test, what the target did, each oracle's verdict, and what is withheld where.

A row of a journal has no text that must not be in the clear, and this adds none: of a withheld text its hash is told,
and where the text is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dikast.graphs.astral import vault
from dikast.pages import Page, Table, Text

NEVER_KEPT = "kept nowhere, as in every category in which only a refusal is safe"
UNREAD = "kept nowhere, since nobody was to judge it"
WITHHELD = f"withheld; of a run it is in {vault.NAME} alone, which 'dikast astral report RUN --reveal' prints"


def story(row: Mapping[str, Any]) -> Page:
    """What was tested, on whom, and what came of it."""
    given, output = row["input"], row["output"]
    parts = [*_tell_test(given, output)]
    if output["asked"]:
        parts += [*_tell_reply(given, output), *_tell_verdict(given, output)]
    return Page(f"case {given['id']}", tuple(parts))


def _tell_test(given: Mapping[str, Any], output: Mapping[str, Any]) -> Iterator[Text | Table]:
    if given.get("cell"):
        yield Table(("axis", "value"), tuple(given["cell"].items()), "cell")
    if not output["asked"]:
        yield Text("none was put to the target", label="test")
    elif output["test"]:
        yield Text(output["test"], "quote", "test")
    else:
        yield Text(f"{NEVER_KEPT}; sha256 {output['test_hash']}", label="test")
    yield Text(_origin(output), "note")


def _origin(output: Mapping[str, Any]) -> str:
    if not output["tries"]:
        return "the test was given"
    sources = ", ".join(output["sources"]) or "none"
    return f"the generator was asked {output['tries']} times; its sources: {sources}"


def _tell_reply(given: Mapping[str, Any], output: Mapping[str, Any]) -> Iterator[Text]:
    yield Text(given.get("target", "the only one"), label="target")
    yield Text(output["replied"], label="it replied")
    yield Text(output["refusal"].replace("_", " ") or "no text to read", label="read for refusals")
    if output["reply"]:
        yield Text(output["reply"], "quote", "reply")
    else:
        yield Text(_whereabouts(given, output), label="reply")


def _whereabouts(given: Mapping[str, Any], output: Mapping[str, Any]) -> str:
    """Where a reply is that is not in the clear."""
    if not output["reply_hash"]:
        return "no text came back"
    if vault.refusal_only(given.get("cell") or {}):
        return f"{NEVER_KEPT}; sha256 {output['reply_hash']}"
    was_read = output["judged"] or given.get("benign")
    return f"{WITHHELD if was_read else UNREAD}; sha256 {output['reply_hash']}"


def _tell_verdict(given: Mapping[str, Any], output: Mapping[str, Any]) -> Iterator[Text | Table]:
    yield Text(_verdict(given, output), label="verdict")
    if output["judged"]:
        yield _tell_oracles(output["judged"])


def _verdict(given: Mapping[str, Any], output: Mapping[str, Any]) -> str:
    if given.get("benign"):
        return "none: a benign prompt's reply is read for refusals and not judged"
    if output["verdict"] is None:
        return "none"
    if vault.refusal_only(given.get("cell") or {}):
        return f"{output['verdict']}: in this category a refusal is safe and all else unsafe; no oracle reads the text"
    return f"{output['verdict']}, said by {100 * output['agreement']:.0f} % of {len(output['votes'])} oracles"


def _tell_oracles(judged: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (number, one["provenance"].get("model"), one["verdict"], one["reason"] or "withheld", one["outcome"])
        for number, one in enumerate(judged, start=1)
    ]
    return Table(("oracle", "model", "verdict", "reason", "outcome"), tuple(rows), "oracles")


def reveal(folder: Path, row: Mapping[str, Any]) -> Iterator[Text]:
    """What the run's vault has of a case: its withheld reply, and what the oracles said of it."""
    given = row["input"]
    for record in vault.read_vault(folder / vault.NAME):
        if record.get("case") != given["id"] or record.get("target") != given.get("target", record.get("target")):
            continue
        yield Text(str(record.get("reply") or record.get("error") or ""), "quote", "withheld")
        for number, said in enumerate(record.get("oracles", ()), start=1):
            yield Text(f"{said['verdict']}: {said['reason']}", "quote", f"oracle {number}")
