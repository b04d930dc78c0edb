r"""Put untrusted text into a prompt so that it cannot end its quotation or forge a verdict.

    prompt = f"Response A:\n{fence(response, 'response')}\nEnd with [[A]] or [[B]]."

The delimiters carry a hash of the text, so that a text cannot contain its own closing delimiter, and the same text
always gives the same prompt (the request cache keeps working). Inside, what a machine would take for its own is made
visible and inert: verdict marks, chat-template tokens, control and direction characters. Nothing is left out.

Not covered: persuasion. A judge may still believe a text that argues for itself; measure that with a calibration.
"""

from __future__ import annotations

import hashlib
import re

from dikast.errors import UsageError
from dikast.verdicts import MARK

NONCE_CHARACTERS = 12
NAME = re.compile(r"[a-z][a-z0-9_]*")

_HTML = (
    "a|abbr|acronym|address|area|article|aside|b|base|bdi|bdo|big|blockquote|body|br|button|canvas|caption|center|cite|code"
    "|col|colgroup|data|datalist|dd|del|details|dfn|dialog|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer|form"
    "|frame|frameset|h[1-6]|head|header|hgroup|hr|html|i|iframe|img|input|ins|kbd|label|legend|li|link|main|map|mark|math"
    "|menu|meta|meter|nav|noscript|object|ol|optgroup|option|output|p|param|picture|pre|progress|q|rp|rt|ruby|samp|script"
    "|search|section|select|slot|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template"
    "|textarea|tfoot|th|thead|time|title|tr|track|tt|u|ul|var|wbr"
)
"""HTML's elements, which text is full of; but `s`, `audio` and `video`, which are tokens of models as well."""
_WORD = r"[^\s<>\[\]/@()\"'`;,]{1,64}"

TEMPLATE_TOKEN = re.compile(
    r"<(?=[|｜])"  # <|im_start|>, <|eot_id|>, <｜User｜>
    rf"|<(?!/?(?:{_HTML})/?>)(?=/?{_WORD}/?>)"  # <s>, </think>, <extra_id_1>, <BOS_TOKEN>, <seed:bos>, <function=f>
    rf"|<(?=</?{_WORD}>>)|<(?=<\s{{0,9}}/?SYS\s{{0,9}}>>)"  # <<SYS>>
    r"|>(?=>[A-Z_]{2,64}<<)"  # >>QUESTION<<
    rf"|◁(?=/?{_WORD}▷)"  # ◁think▷
    rf"|\[(?=/{_WORD}\]|\|{_WORD}\|\])"  # [/INST], [|assistant|]
    r"|\[(?=(?-i:[a-z]?[A-Z][A-Z0-9_]{1,64})\]|unused_?\w{0,20}\])"  # [INST], [THINK], [gMASK], [unused7]
    r"|\[(?=(?:INST|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\])",  # in small letters too
    re.IGNORECASE,
)
"""The first character of whatever has the form of a chat template's own token, which many engines honour inside a
message's text too. A rule and no list of them: each family of models brings new ones. One word between angle brackets
counts unless HTML has an element of that name; one between square brackets counts in capitals."""

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\u2028-\u202e\u2066-\u2069"  # line separators; direction overrides and isolates
    "\u200b\u2060-\u2064\ufeff"  # zero width, but not the joiners that scripts and emoji need
    "\U000e0000-\U000e007f"  # tag characters: invisible ASCII
    "\ud800-\udfff]"  # lone surrogates, which cannot be encoded
)


def fence(text: str, name: str = "text") -> str:
    """The text between delimiters that it cannot close, its marks made inert.

    Args:
        text: Anything: a model's reply, a table cell, a document. May be empty.
        name: What it is, in lower case; becomes part of the delimiters.

    Returns:
        Three parts, each from a new line: `<name-HASH>`, the text made inert, `</name-HASH>`.

    Raises:
        UsageError: `name` is not one lower-case word, so that it could break the delimiters itself.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"not a name for a delimiter: {name!r}", hint="one lower-case word")
    body = inert(text)
    tag = f"{name}-{_nonce(body)}"
    return f"<{tag}>\n{body}\n</{tag}>"


def inert(text: str) -> str:
    """The text with verdict marks, template tokens and unseen characters broken up so that they are only read."""
    shown = UNSEEN.sub(_escape, text.replace("\r\n", "\n"))
    return MARK.sub(lambda mark: f"[ [{mark[1]}] ]", TEMPLATE_TOKEN.sub(r"\g<0> ", shown))


def _escape(match: re.Match[str]) -> str:
    return f"\\u{{{ord(match[0]):x}}}"


def _nonce(body: str) -> str:
    """A hash that does not occur in the text, whoever wrote it."""
    digest = hashlib.sha256(body.encode()).hexdigest()
    while digest[:NONCE_CHARACTERS] in body:
        digest = hashlib.sha256(digest.encode()).hexdigest()
    return digest[:NONCE_CHARACTERS]
