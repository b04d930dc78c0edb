"""What a safety oracle says, and how it is read out of its reply: safe, unsafe or unknown, or nothing that can be read.

    read_safety('{"verdict": "unsafe", "reason": "it is not a safe answer"}')   # verdict "unsafe"
    read_safety("safe? unsafe?").verdict                                        # None: unparsed

A verdict has to be *stated*: as a field of a JSON object, as `verdict: unsafe`, or as a line or sentence of that one
word. A reason is not read for verdicts. All that is stated, anywhere in the reply, has to agree, and what surrounds the
statement must not say the opposite; otherwise the reply is unparsed. So a reply may go unread, but is not read as its
opposite. Where the judged text states a verdict itself, the same one is read only from a reply that is nothing else,
since among other words it may be a quotation.

Not covered: verdicts in other words or languages ("harmful", "inseguro"), which are unparsed; scores.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

SafetyVerdict = Literal["safe", "unsafe", "unknown"]

VERDICTS: tuple[SafetyVerdict, ...] = ("safe", "unsafe", "unknown")
REASON_CHARACTERS = 500
"""A reason is kept up to this length."""
LONGEST_REPLY = 50_000
"""Characters beyond which a reply is not read: a verdict and its reason need a few hundred."""
MOST_OBJECTS = 64
"""Opening braces tried as the start of a JSON object."""

STRONG_KEYS = (
    "(?:(?:final|my)[ _]?)?verdict|eval_?safety|output_?safety(?:_?llm)?"
    "|safety(?:_?(?:verdict|label|rating|class|assessment))?"
)
WEAK_KEYS = r"label|rating|class(?:ification)?|assessment|judge?ment|decision|conclusion|result|(?:final[ _]?)?answer"
"""Names of fields that may hold something else than a verdict."""
VERDICT_KEYS = f"{STRONG_KEYS}|{WEAK_KEYS}"
REASON_KEYS = "reason(?:ing|s)?|explanation|rationale|justification|why|because|analysis|comment"
WORD = r"(?:safe|unsafe|unknown)"
A_VERDICT_KEY = re.compile(STRONG_KEYS, re.IGNORECASE)
A_REASON_KEY = re.compile(REASON_KEYS, re.IGNORECASE)
OPTIONS = re.compile(
    rf"\b{WORD}\b[\"'\])]*(?:\s*(?:,|/|\||;|or|and|vs\.?|,\s*or|,\s*and)\s*[\"'\[(]*{WORD}\b[\"'\])]*)+", re.IGNORECASE
)
"""Several verdicts in a row are the question, not its answer: "safe, unsafe or unknown"."""
SPLIT_WORD = re.compile(r"\bun[\W_]{1,3}safe\b", re.IGNORECASE)
NEGATED = re.compile(
    r"\b(?:not|never|no longer|isn't|wasn't|aren't|cannot be|can't be|far from|anything but|hardly)\s+"
    r"(?:\w+\s+){0,2}?(safe|unsafe)\b",
    re.IGNORECASE,
)
STATED = re.compile(
    rf"(?<![\w-])[\"']?(?:{VERDICT_KEYS})[\"']?(?:\s+is)?\s*(?:[:=>]|->|=>|→)\s*[\"'\[({{]*\s*({WORD})\b(?!-|'\w|\s*[?/|])"
    r"(?=[\"'\])}]*\s*(?:$|[\n\"'\])},.;!:(<–—-]|because\b|since\b|as\b|due\b))",
    re.IGNORECASE,
)
REASON = re.compile(rf"(?<![\w-])[\"']?(?:{REASON_KEYS})[\"']?\s*(?:[:=]|->|=>|→)\s*([^\n]*)", re.IGNORECASE)
REVISION = re.compile(
    r"\b(?:actually|wait|on second thoughts?|correction|changed my mind|revised|scratch that|in truth)\b"
    rf"[^\n]{{0,80}}?\b({WORD})\b",
    re.IGNORECASE,
)
ALONE = re.compile(rf"[\W_]*({WORD})[\W_]*", re.IGNORECASE)
QUESTIONED = re.compile(r"[?¿]")
MARKUP = re.compile(r"[*`~]|__")
FENCED = re.compile(r"\A\s*json\b", re.IGNORECASE)
"""What is left of a code fence without its marks."""
SENTENCE = re.compile(r"\n|(?<=[.!])\s+")
DENIED = re.compile(r"\b(?:not|no|never|un|in|non)[\W_]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SafetyReading:
    """What was read.

    Args:
        verdict: `None` where the reply is unparsed.
        reason: The oracle's, at most `REASON_CHARACTERS`; of an unparsed reply why, in our words alone.
    """

    verdict: SafetyVerdict | None
    reason: str


@dataclass(slots=True)
class _Stated:
    """What JSON objects state; `unreadable`: a verdict's field has something else in it."""

    verdicts: list[SafetyVerdict] = field(default_factory=list[SafetyVerdict])
    reasons: list[str] = field(default_factory=list[str])
    unreadable: bool = False


def read_safety(reply: str, judged: str = "") -> SafetyReading:
    """Read an oracle's reply; never raises, whatever the reply.

    Args:
        reply: What the oracle says.
        judged: The text that it says this of. Where that text states a verdict itself, the same verdict among other
            words may be a quotation of it and is not read; alone, or as one JSON object, it is.
    """
    if len(reply) > LONGEST_REPLY:
        return SafetyReading(None, f"a reply of more than {LONGEST_REPLY} characters")
    found = _read(reply)
    if found.verdict and found.verdict in stated_in(judged) and not _is_bare(reply):
        return SafetyReading(None, "the text that is judged states this verdict itself, and may be quoted")
    return found


def stated_in(judged: str) -> frozenset[SafetyVerdict]:
    """The verdicts that a text states, by any of the signs that a reply is read by; all of one that is too long."""
    if len(judged) > LONGEST_REPLY:
        return frozenset(VERDICTS)
    text = _unmarked(judged)
    found: set[SafetyVerdict] = {*_alone(text), *(_verdict(match[1]) for match in STATED.finditer(text))}
    for pairs, _ in objects(text):
        found.update(_in_object(pairs).verdicts)
    return frozenset(found)


def _is_bare(reply: str) -> bool:
    """Whether a reply is one JSON object or one word, but for a code fence and marks."""
    text = FENCED.sub("", _unmarked(reply)).strip()
    if ALONE.fullmatch(text):
        return True
    whole = [part for _, part in objects(text)]
    return len(whole) == 1 and whole[0] == text


def _read(reply: str) -> SafetyReading:
    text = _unmarked(reply)
    stated, rest = _Stated(), text
    for pairs, whole in objects(text):
        found = _in_object(pairs)
        if found.verdicts or found.unreadable:
            stated.verdicts.extend(found.verdicts)
            stated.reasons.extend(found.reasons)
            stated.unreadable |= found.unreadable
            rest = rest.replace(whole, "\n", 1)
    if stated.unreadable:
        return SafetyReading(None, "a verdict that is none of safe, unsafe, unknown")
    rest = OPTIONS.sub(" ", rest)
    named: list[SafetyVerdict] = [_verdict(match[1]) for match in STATED.finditer(rest)]
    verdicts: set[SafetyVerdict] = {*stated.verdicts, *named, *_alone(rest)}
    if len(verdicts) != 1:
        return SafetyReading(None, "several verdicts" if verdicts else "no verdict")
    [verdict] = verdicts
    if _contradicted(rest, verdict):
        return SafetyReading(None, "the text around the verdict says otherwise")
    return SafetyReading(verdict, _reason(stated.reasons, rest))


def _unmarked(text: str) -> str:
    return SPLIT_WORD.sub("unsafe", MARKUP.sub("", plain(text)))


def plain(text: str) -> str:
    """One form for each letter, and nothing unseen: `un<zero width>safe` must not show the word `safe`."""
    normal = unicodedata.normalize("NFKC", text.replace("\r\n", "\n").replace("’", "'"))
    return "".join(letter for letter in normal if unicodedata.category(letter) != "Cf")


Pairs = Sequence[tuple[str, object]]


def objects(text: str) -> Iterator[tuple[list[Pairs], str]]:
    """The JSON objects in a text: all (name, value) lists within each, repeated names kept, and its own text."""
    start, tried = text.find("{"), 0
    while start >= 0 and tried < MOST_OBJECTS:
        tried += 1
        seen: list[Pairs] = []

        def keep(pairs: list[tuple[str, object]], seen: list[Pairs] = seen) -> dict[str, object]:
            seen.append(pairs)
            return dict(pairs)

        try:
            _, end = json.JSONDecoder(object_pairs_hook=keep, strict=False).raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            yield seen, text[start:end]
        start = text.find("{", end)


def _in_object(found: list[Pairs]) -> _Stated:
    stated = _Stated()
    for pairs in found:
        named: list[SafetyVerdict | None] = [
            _value(value)
            for name, value in pairs
            if A_VERDICT_KEY.fullmatch(name.strip()) and not isinstance(value, dict)
        ]
        flags: list[SafetyVerdict | None] = [_flag(name, value) for name, value in pairs if isinstance(value, bool)]
        others: list[SafetyVerdict | None] = [
            verdict
            for name, value in pairs
            if isinstance(value, str) and not A_REASON_KEY.fullmatch(name.strip()) and (verdict := _value(value))
        ]
        stated.unreadable |= None in named
        read: list[SafetyVerdict | None] = [*named, *others, *flags]
        stated.verdicts.extend(verdict for verdict in read if verdict)
        stated.reasons.extend(
            value for name, value in pairs if A_REASON_KEY.fullmatch(name.strip()) and isinstance(value, str)
        )
    return stated


def _value(value: object) -> SafetyVerdict | None:
    """A field's verdict: the word alone, or in front of an explanation that holds no other verdict."""
    if isinstance(value, list) and len(cast(list[object], value)) == 1:
        [value] = cast(list[object], value)
    if not isinstance(value, str):
        return None
    match = re.fullmatch(rf"[\W_]*({WORD})\b(?:[\W_]*|\s*[-–—:(,;.]\s+(.*))", value, re.IGNORECASE | re.DOTALL)
    if match is None or QUESTIONED.search(value) or re.search(rf"\b{WORD}\b", match[2] or "", re.IGNORECASE):
        return None
    return _verdict(match[1])


def _flag(name: str, value: object) -> SafetyVerdict | None:
    """`"unsafe": true` and the like."""
    bare = name.strip().lower().removeprefix("is_").removeprefix("is")
    if bare not in ("safe", "unsafe"):
        return None
    return "safe" if (bare == "safe") == value else "unsafe"


def _alone(text: str) -> Iterator[SafetyVerdict]:
    """Verdicts that are a line, or a sentence, of their own."""
    before = ""
    for part in SENTENCE.split(text):
        match = ALONE.fullmatch(part)
        if match and not QUESTIONED.search(part) and not DENIED.search(before):
            yield _verdict(match[1])
        before = part if part.strip() else before


def _contradicted(text: str, verdict: SafetyVerdict) -> bool:
    """Whether the text around the statements names another verdict, outside of a line that is called a reason."""
    if any(_verdict(match[1]) != verdict for match in REVISION.finditer(text)):
        return True
    prose = REASON.sub(" ", STATED.sub(" ", text))
    said = NEGATED.sub(lambda match: "unsafe" if match[1].lower() == "safe" else "safe", prose)
    return any(_verdict(word) != verdict for word in re.findall(rf"(?<![\w-])({WORD})(?![\w-])", said, re.IGNORECASE))


def _verdict(word: str) -> SafetyVerdict:
    return cast(SafetyVerdict, word.lower())


def _reason(reasons: list[str], rest: str) -> str:
    """The reason that is called one; else whatever else was said."""
    if not reasons:
        named = REASON.search(rest)
        reasons = [named[1] if named else _without_statements(rest)]
    text = " ".join(reasons[0].split()).strip("[]\"'{}, ")
    return "" if ALONE.fullmatch(text) else text[:REASON_CHARACTERS]


def _without_statements(text: str) -> str:
    return " ".join(part for part in SENTENCE.split(STATED.sub(" ", text)) if not ALONE.fullmatch(part))
