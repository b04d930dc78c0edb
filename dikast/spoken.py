r"""What a model says, as against what it thinks and what cannot be seen.

    spoken("<think>I lean to [[A]]</think>\n[[B]]")        # "[[B]]"
    plain("un\u200bsafe")                                  # "unsafe"

The rule: thoughts are never read, whoever reads. `dikast.agents.ask.ask` takes them out of every reply but a target's,
of which every word counts; whoever reads a verdict, an object, keywords or a program takes them out again, since
recorded replies do not come by way of `ask`.

A thought is what stands between an opening and a closing tag whose name says so, in any of the brackets that chat
templates use: <think>, <thinking>, <thought>, <reasoning>, <seed:think>, [THINK], <|begin_of_thought|>,
<|START_THINKING|>, ◁think▷, <|channel|>analysis. One that is not closed goes on to the end; before a closing tag
without an opening one (the template has opened it in the prompt) everything is thought. A tag in backticks is a word.

Not covered: thoughts that no tag tells from the rest.
"""

from __future__ import annotations

import re
import unicodedata

IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Inside of a character class: what has no width or only turns the direction (Unicode's Default_Ignorable_Code_Point,
the bidirectional controls, and line separators)."""
UNSEEN = re.compile(f"[{IGNORABLE}]")

_NAME = r"(?:think(?:ing)?|thoughts?|reasoning|reflection|scratch_?pad|analysis)"
_GAP = r"\s{0,3}"
_BRACKETED = (
    rf"<[|｜]?{_GAP}(/?){_GAP}((?:[\w▁]{{1,20}}[:_▁])?{_NAME})(?:\s[^<>\n]{{0,80}})?{_GAP}[|｜]?>"
    rf"|\[{_GAP}(/?){_GAP}(think(?:ing)?|thoughts?|reasoning){_GAP}\]"
    rf"|◁{_GAP}(/?){_GAP}(think(?:ing)?){_GAP}▷"
)
TAG = re.compile(rf"(?<!`)(?:{_BRACKETED})(?!`)", re.IGNORECASE)
"""Groups in pairs: what closes, and the name. Every repetition is bounded: the search is linear."""
STEMS = ("think", "thought", "reason", "reflect", "scratch", "analy")

CHANNEL = re.compile(r"<[|｜]channel[|｜]>\s{0,3}(\w{1,20})[^<\n]{0,80}(?:<[|｜]message[|｜]>)?", re.IGNORECASE)
"""Harmony (gpt-oss): each message says which channel it is for; `final` is for the reader."""
HARMONY_END = re.compile(r"<[|｜](?:end|return|call|start|channel)[|｜]>", re.IGNORECASE)
HARMONY_START = re.compile(r"<[|｜]start[|｜]>\w{0,20}\s{0,3}$")
FINAL = "final"
BARE_CHANNELS = re.compile(r"\A\s{0,9}(?:analysis|commentary)(?=\S)", re.IGNORECASE)
"""The same after an engine has left the special tokens out: "analysisWe need ...assistantfinal[[A]]"."""
BARE_FINAL = "assistantfinal"


def plain(text: str) -> str:
    """One form for each letter, and nothing unseen: `un<zero width>safe` must not show the word `safe`."""
    normal = unicodedata.normalize("NFKC", text.replace("\r\n", "\n").replace("’", "'"))
    seen = UNSEEN.sub("", normal)
    return "".join(letter for letter in seen if unicodedata.category(letter) != "Cf")


def spoken(text: str) -> str:
    """The text without its thoughts; the same text where it has none."""
    return divide(text)[0]


def divide(text: str) -> tuple[str, str]:
    """What is said, and what is thought."""
    if CHANNEL.search(text):
        return _by_channel(text)
    bare = BARE_CHANNELS.match(text)
    if bare and BARE_FINAL in text:
        thought, _, said = text.rpartition(BARE_FINAL)
        return said, thought
    return _by_tags(text)


def _by_tags(text: str) -> tuple[str, str]:
    said: list[str] = []
    thought: list[str] = []
    inside, place = "", 0
    for tag in TAG.finditer(text):
        closes, stem = _kind(tag)
        if inside and not (closes and stem == inside):
            continue
        piece = text[place : tag.start()]
        if inside or not closes:
            (thought if inside else said).append(piece)
            inside = "" if inside else stem
        else:
            # Closed without having been opened: all of it was thought.
            thought += [*said, piece]
            said = []
        place = tag.end()
    if not place:
        return text, ""
    (thought if inside else said).append(text[place:])
    return _joined(said), _joined(thought)


def _kind(tag: re.Match[str]) -> tuple[bool, str]:
    """Whether a tag closes, and the stem of its name."""
    mark, name = next((tag[i], tag[i + 1].lower()) for i in (1, 3, 5) if tag[i + 1] is not None)
    stem = next(stem for stem in STEMS if stem in name)
    return bool(mark) or name.startswith("end"), stem


def _by_channel(text: str) -> tuple[str, str]:
    first = text[: next(CHANNEL.finditer(text)).start()]
    said = [HARMONY_START.sub("", first)]
    thought: list[str] = []
    for message in CHANNEL.finditer(text):
        end = HARMONY_END.search(text, message.end())
        body = text[message.end() : end.start() if end else len(text)]
        (said if message[1].lower() == FINAL else thought).append(body)
    return _joined(said), _joined(thought)


def _joined(parts: list[str]) -> str:
    # A line end between the parts: what stood apart makes no new word together.
    return "\n".join(part.strip() for part in parts if part.strip())
