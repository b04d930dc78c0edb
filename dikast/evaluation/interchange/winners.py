"""Verdicts on pairs as people and tools write them: 1, B, model_b, tie (bothbad), or a file's own (`--labels`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from dikast.errors import UsageError
from dikast.row import Row
from dikast.verdicts import Winner

WINNERS: Mapping[str, Winner] = {
    **{f"{kind}{one}": "1" for kind in ("", "model_", "response_", "output_", "assistant_") for one in ("1", "a")},
    **{f"{kind}{two}": "2" for kind in ("", "model_", "response_", "output_", "assistant_") for two in ("2", "b")},
    **dict.fromkeys(("[[a]]", "first"), "1"),
    **dict.fromkeys(("[[b]]", "second"), "2"),
    **dict.fromkeys(("0", "tie", "c", "[[c]]", "draw", "equal", "both"), "tie"),
    **dict.fromkeys(("tie (bothbad)", "bothbad", "both_bad", "both bad", "neither"), "tie"),
}
"""How people write a verdict. 0 is a tie, as in PandaLM, if `check_labels` lets it pass. That both are bad, as votes of
Chatbot Arena have it, is a tie."""
NONE = "none"
"""How `--labels` calls a word of the file that says nothing."""
UNLABELLED = frozenset({"", NONE, "null", "nan", "unparsed", "error"})
"""How files write that there is no verdict."""
NO_LABELS: Mapping[str, str] = {}


def read_winner(row: Row, field: str, labels: Mapping[str, str] = NO_LABELS) -> Winner:
    """A row's verdict, in any of the spellings of `WINNERS`.

    Args:
        row: The row.
        field: Where it stands.
        labels: The file's own spellings -> those of `WINNERS`, in lower case.

    Raises:
        DataError: It is missing, or none of them; says file, line and field.
    """
    value = row.value(field)
    name = _word(value)
    name = labels.get(name, name)
    if isinstance(value, bool) or name not in WINNERS:
        raise row.error(field, f"not a verdict: {value!r:.60}", "write 1, 2 or tie, or say --labels THEIRS=1,...")
    return WINNERS[name]


def is_labelled(row: Row, field: str, labels: Mapping[str, str] = NO_LABELS) -> bool:
    """Whether a verdict stands in a row, in whatever spelling; absent, empty, null and what says nothing are none."""
    name = _word(row.values.get(field))
    return labels.get(name, name) not in UNLABELLED


def _word(value: object) -> str:
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    return str(whole).strip().lower().removesuffix(".0")


def parse_labels(text: str | None) -> dict[str, str]:
    """Read `--labels`: the file's spelling in lower case -> 1, 2, tie, or none for a row without a label.

    Raises:
        UsageError: It is not THEIRS=OURS, comma-separated, ours being one of these; or one of theirs is named twice.
    """
    pairs = [part.partition("=") for part in (text or "").split(",") if part]
    if not all(theirs.strip() and ours.strip() in ("1", "2", "tie", NONE) for theirs, _, ours in pairs):
        raise UsageError(f"--labels {text!r}: write THEIRS=1, THEIRS=2, THEIRS=tie or THEIRS=none, comma-separated")
    twice = next(
        (name for name, count in Counter(theirs.strip().lower() for theirs, _, _ in pairs).items() if count > 1), None
    )
    if twice is not None:
        raise UsageError(f"--labels {text!r}: {twice!r} is named twice")
    return {theirs.strip().lower(): ours.strip() for theirs, _, ours in pairs}


def check_labels(rows: Iterable[Row], fields: Iterable[str], labels: Mapping[str, str] = NO_LABELS) -> None:
    """Refuse labels that may mean two things: 0 beside nothing but 1 is a tie, or the first response.

    Args:
        rows: The file's.
        fields: The columns that share a coding.
        labels: What the user has said about them.

    Raises:
        DataError: They are such labels, and `labels` does not say what 0 is; says file, line and field.
    """
    names, seen, first = list(fields), set[str](), None
    for row in rows:
        for name in names:
            value = str(row.values.get(name, "")).strip().lower().removesuffix(".0")
            if value not in UNLABELLED:
                seen.add(value)
                first = (row, name) if value == "0" and first is None else first
    if first and "0" not in labels and seen <= {"0", "1"}:
        hint = (
            "say --labels 0=1,1=2 where 0 is the first response; --labels 0=2 where it is the second; 0=tie for a tie"
        )
        raise first[0].error(first[1], "labels 0 and 1: is 0 a tie, or a response?", hint)
