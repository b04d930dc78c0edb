r"""Whether a reply states a verdict that it names, or only mentions it.

    named = [Named(11, 16, "a"), Named(30, 35, "b")]
    stated("I think [[A]] is better than [[B]].", named)     # None: two in the deciding sentence

The rule. The last sentence that names a verdict decides, and has to state it:

- it names one verdict, once or more often, of the known ones;
- what stands before, in its clause, neither denies nor doubts nor quotes ("is not", "at first sight", "if", "says");
- after it comes the sentence's end, a reason ("since it is complete"), or what makes it the better one ("is better",
  "wins"), and nothing that takes it back;
- it is no question; and no earlier sentence states another verdict, unless only this one is called final;
- the text after the sentence does not take it back ("wait, no", "B is better").

Anything else is not stated. So a reply may go unread, and is not read as its opposite. What may come after a verdict is
a list of what is allowed; what may come before it is anything but a list of what is not, in the languages that judges
were seen to write in; before a verdict in another script only a label, which ends in a colon, is allowed.

Not covered: irony, and denials in words that are on no list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple


class Named(NamedTuple):
    """A verdict that a text names: where, and which one; an empty `value` is none of the known ones."""

    start: int
    end: int
    value: str


@dataclass(frozen=True, slots=True)
class Manner:
    """How verdicts of one kind are spoken of.

    Args:
        labels: Verdict -> how else it is named in prose; compiled case-sensitive.
        units: What may follow a verdict as its unit, such as "/ 5"; empty for nothing.
    """

    labels: dict[str, re.Pattern[str]]
    units: re.Pattern[str] | None = None


def _words(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(text.split('|'))})(?!\w)", re.IGNORECASE)


HERE = "\ue000"
"""Stands for a named verdict while sentences are looked at; a character for private use."""
TEMPLATE = re.compile(r"<[|｜][^<>|｜\n]{1,40}[|｜]>|</?[A-Za-z_][\w-]{0,30}/?>|\[/?INST\]")
"""Template tokens and markup around a verdict: <|im_end|>, </s>, <verdict>."""
SENTENCE_END = re.compile(
    r"\n+|(?<![.…])(?<!\b[A-Za-z])(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bcf)[.!?。！？]{1,9}[\"'*_`)\]]{0,9}\s+|[。！？]"
)
CLAUSE = re.compile(
    r"[;–—]|\s-\s|,?\s(?=(?:so|therefore|thus|hence|consequently|accordingly|daher|deshalb|donc|por lo tanto"
    r"|quindi)\b)",
    re.IGNORECASE,
)
"""Where a clause ends that says nothing about the verdict in the next one."""
DECORATION = r"[\s*_`~#>|\"'“”«»()\[\]{}\\.!,:;=\-–—→]*"
LEADING = DECORATION.removesuffix("*") + "{0,20}"
CLOSING = r"[\s*_`~\"'”»)]{0,20}"
"""What may close a verdict's own marks; bounded, as `LEADING` is, so that a search for it is linear.

A `+` after either (a possessive repeat) says that no shorter run of marks is worth trying: what follows is no mark.
"""
ONLY_DECORATION = re.compile(rf"{DECORATION}(?:\d{{1,2}}[.)]{DECORATION})?")
"""Signs, and a number of a list."""
LEFT_OPEN = re.compile(
    r"[:,(–—…-]\s{0,3}[*_`]{0,3}\s{0,3}$"
    r"|\b(?:not|never|is|are|was|be|the|a|as|than|over|to|for|of|choose|pick|prefer|select|say|says|said|nicht"
    r"|pas|no)[^\w.!?]{0,3}$",
    re.IGNORECASE,
)
"""A line that goes on in the next one."""

DENIED = _words(
    r"not|\w+n't|cannot|no|never|neither|nor|none|nothing|nobody|hardly|barely|without|against|reject\w*|ruled?|ruling"
    r"|exclud\w+|except|avoid\w*|deny|denies|denied|doubt\w*|refus\w+|disagree\w*|dismiss\w*|discard\w*|oppos\w+|unlike"
    r"|other than|anything but|far from|rather|instead|than|over|worse|worst|weaker|weakest|poorer|loser|loses?"
    r"|lost|losing"
    r"|inferior|a mistake|an error|absurd|unfair|disagree\w*|wrong\w*|incorrect\w*|false|bad|last|runner-up|second-best"
    r"|nicht|kein\w*|nie|niemals|weder|gegen|statt|anstatt|schlechter\w*|verlierer|falsch"
    r"|pas|ne|n'\w+|jamais|ni|non|aucun\w*|contre|pire|plutôt|sauf"
    r"|nunca|tampoco|ningun\w*|ningún|peor|contra|sin|excepto|né|mai|peggio\w*|invece|não|nem|nenhum\w*|pior"
    r"|niet|geen|nooit|slechter|inte|aldrig|ikke|aldri|nie|nigdy|gorsz\w+|değil|ei|en ole|nem"
)
DOUBTED = _words(
    r"if|unless|whether|could|might|may|maybe|perhaps|possibly|probably|at first|initially|originally|previously"
    r"|earlier"
    r"|before|first (?:sight|glance|look|impression|thought)|tempted|almost|nearly|lean(?:s|ed|t|ing)?|inclin\w+"
    r"|seem\w*|look(?:s|ed)"
    r"|appear\w*|suppos\w+|assum\w+|thought|guess\w*|unsure|uncertain|either|or|between|versus|vs\.?|options?"
    r"|choices are"
    r"|vielleicht|wenn|falls|ob|oder|zuerst|anfangs|peut-être|si|ou|d'abord|quizás?|tal vez|al principio|forse|talvez"
)
QUOTED = _words(
    r"says?|said|saying|asks?|asked|tells?|told|claims?|claim(?:ed|ing)|writes?|wrote|written|quot\w+"
    r"|states? that|stated that|contains?"
    r"|includes?|including|mentions?|mentioned|labels? itself|calls? itself|called|holds?|reads|format\w*"
    r"|template|example|e\.g|such as|like|end with|ends with|reply with|write|output is|scale|range|minimum"
    r"|maximum|lowest"
    r"|highest|at least|at most|up to|below|above|under|sagt|schreibt|behauptet|dit|écrit|dice|escribe"
)
FOREIGN_DENIED = re.compile(
    "[不没沒非未无無否别別勿莫差输輸错錯]|ない|ません|ず|なく|아니|않|못|\\bне\\b|\\bнет\\b|\\bни\\b|хуже|ليس|لا|غير|لم|لن|नहीं|मत|לא|אינ|ไม่|không",
    re.IGNORECASE,
)
FOREIGN_TAKEN_BACK = re.compile(
    "但|然而|不过|不過|其实|其實|更正|等等|抱歉|错|錯|しかし|訂正|하지만|그러나|но |однако|لكن|लेकिन", re.IGNORECASE
)
FOREIGN_SCRIPT = re.compile(r"[\u0370-\u1cff\u2e80-\ua4cf\ua500-\ud7ff\uf900-\ufdff\ufe70-\ufefc]")

REASON = re.compile(
    rf"{LEADING}+(?:because|since|as|for|due to|given|owing to|thanks to|on account|weil|da|denn|car|parce"
    rf"|porque|ya que|perché"
    r"|以为|因为|因為)(?!\w)",
    re.IGNORECASE,
)
BETTER = re.compile(
    rf"{CLOSING}+(?:"
    r"(?:is|was|are|remains|ist|est|es|è|é)\s+(?:(?:clearly|slightly|overall|much|far|somewhat|marginally"
    r"|significantly|definitely|generally|the|a|an|my|bit|little|klar|die|der|la|el|le|clairement|claramente)\s+){0,4}"
    r"(?:better|best|winner|stronger|strongest|superior|preferable|preferred|correct|right|choice|verdict|pick"
    r"|answer|more \w+"
    r"|it|besser\w*|beste\w*|meilleure?|mejor|migliore|melhor|gewinner)(?!\w)"
    r"|(?:wins|prevails|it is|gewinnt|gagne|gana)(?!\w)"
    r"|更好|较好|較好|更优|胜出|勝出)",
    re.IGNORECASE,
)
DASH = re.compile(rf"{CLOSING}\s[-–—]\s")
COMPARED_WITH = re.compile(r"^\s*than\b|\brather than\b")
INSTEAD_OF = re.compile(rf"{CLOSING}(?:over|rather than|and not|instead of)\s+[^,;.]{{1,40}}$", re.IGNORECASE)
ASIDE = re.compile(rf"{CLOSING}\([^()]{{0,80}}\)[\s.!*_`]*")
IN_AN_ASIDE_DENIED = _words(r"not|no|\w+n't|never|but|unless|if|maybe|perhaps|unsure|or|nicht|pas")
COMPARED = _words(
    r"(?:is|was|are|be|seems|looks|feels|remains) (?:\w+ ){0,2}(?:better|best|stronger|superior|preferable"
    r"|preferred|right"
    r"|more (?:accurate|correct|complete|helpful|faithful))|the (?:better|best|stronger|superior) \w+|wins?|won"
    r"|winner|should win"
    r"|prefer|preferred|deserves?|besser\w*|beste\w*|meilleure?|mejor|migliore|melhor"
)
SOFTLY = _words(
    r"but|however|although|though|yet|nevertheless|nonetheless|still|aber|jedoch|mais|cependant|pero|però|mas|maar"
)
THE_OTHER = _words(r"the other|other one|its rival|das andere|l'autre|la otra|l'altra")
TAKEN_BACK = _words(
    r"actually|scratch (?:it|that|this)|reconsider\w*|on (?:second|further|closer|deeper) \w+|on reflection"
    r"|thinking about it"
    r"|chang(?:e|ed|ing) (?:it|that|this|my)|revis(?:e|ed|ing) (?:it|that|this|my)|retract|withdraw|tak(?:e|en"
    r"|ing) (?:it |that |this )?back"
    r"|strike (?:it|that|this)|mistaken|my (?:bad|mistake|error)|unsure|undecided|disregard|ignore (?:it|that"
    r"|this|the above|my)|kidding|joking|disagree|beg to differ|mixed (?:them|it|these|this|both) up"
    r"|mean(?:t)? the other"
    r"|in fact|in truth|never ?mind|unless|only if|not (?:sure|certain|final|my|so|really|true|correct|right"
    r"|valid|what i)"
    r"|(?:can't|cannot|can not|could not|couldn't) (?:decide|tell|say|choose|judge)|opposite (?:is|holds|verdict"
    r"|applies)|swapped|void"
    r"|(?:that|this|it|which|verdict|i) (?:was|is|were) (?:\w+ )?(?:wrong|incorrect|mistaken|an error|a mistake"
    r"|invalid|false|reversed|an example|a quote)"
    r"|en fait|sin embargo|en realidad|eigentlich|eigenlijk"
)
TAKEN_BACK_AT_START = re.compile(
    r"^[\W_]*(?:no|not|nope|non|nein|wait|hm+|oops|sorry|apologies|correction|corrected|instead|rather|edit"
    r"|update|scratch|strike|moment|doch"
    r"|korrektur|pardon|perdón|anzi|on the contrary|opposite|just an example|for example|e\.g)(?!\w)",
    re.IGNORECASE,
)
FINAL = _words(
    r"final|finally|in the end|overall|ultimately|conclusion|concluding|in sum|all in all|therefore|thus|hence"
    r"|verdict|decision|winner"
    r"|so|insgesamt|endgültig|fazit|urteil|finalement|conclusión|conclusione|veredicto|verdetto"
)
CALLED = re.compile(
    r"(?:(?:verdict|winner|answer|choice|decision|judge?ment|conclusion|final|pick|score|rating|overall|result"
    r"|mark|grade)"
    r"[\W_]{0,6}(?:is|was|goes to|for)?|choose|chose|pick|select|go(?:ing)? with|vote for|switch(?:ing)? to"
    r"|chang\w+ (?:it )?to|make it"
    r"|(?<!\w)(?:it is|it's))[\W_]{0,6}(?:the )?$",
    re.IGNORECASE,
)
SIGNS = " \t*_`~#>|\"'“”()[]{}.!,:;=-–—"


def stated(text: str, named: Sequence[Named], manner: Manner) -> str | None:
    """The verdict that a text states; `None` where it states none, or more than one.

    Args:
        text: The reply, in plain letters and without thoughts.
        named: The verdicts that it names, in their order.
        manner: How such verdicts are spoken of.
    """
    sentences = _sentences(text, named)
    holding = [place for place, (_, inside) in enumerate(sentences) if inside]
    if not holding:
        return None
    last = holding[-1]
    found = _said_in(sentences, last, manner)
    if found is None:
        return None
    for earlier in holding[:-1]:
        other = _said_in(sentences, earlier, manner)
        if other not in (None, found) and not _only_last_is_final(sentences, earlier, last):
            return None
    tail = [sentence for sentence, _ in sentences[last + 1 :]]
    return None if any(_takes_back(sentence, found, manner) for sentence in tail) else found


_Sentence = tuple[str, list[str]]
"""A sentence with `HERE` for each verdict that it names, and those verdicts."""


def _sentences(text: str, named: Sequence[Named]) -> list[_Sentence]:
    parts: list[str] = []
    place = 0
    for one in named:
        parts += [text[place : one.start].replace(HERE, " "), HERE]
        place = one.end
    masked = TEMPLATE.sub("\n", "".join([*parts, text[place:].replace(HERE, " ")]))
    values = iter([one.value for one in named])
    found: list[_Sentence] = []
    start = 0
    for end in [*(match.end() for match in SENTENCE_END.finditer(masked)), len(masked)]:
        sentence = masked[start:end]
        inside = list(islice(values, sentence.count(HERE)))
        if sentence.strip():
            found.append((sentence.strip(), inside))
        start = end
    return found


def _said_in(sentences: Sequence[_Sentence], place: int, manner: Manner) -> str | None:
    """What one sentence states."""
    sentence, inside = sentences[place]
    if len(set(inside)) != 1 or not inside[0]:
        return None
    before, _, after = sentence.partition(HERE)
    lead = _lead(sentences, place, before)
    if _is_denied(lead) or not _may_follow(after.replace(HERE, " "), inside[0], manner):
        return None
    return inside[0]


def _lead(sentences: Sequence[_Sentence], place: int, before: str) -> str:
    """What leads to a verdict: the sentence before it, and the line above where that goes on in this one."""
    if ONLY_DECORATION.fullmatch(before) and place:
        above = sentences[place - 1][0]
        if LEFT_OPEN.search(above):
            return f"{above} {before}"
    return before


def _is_denied(lead: str) -> bool:
    clause = CLAUSE.split(lead)[-1]
    if DENIED.search(clause) or DOUBTED.search(clause) or QUOTED.search(clause) or "?" in clause:
        return True
    if not FOREIGN_SCRIPT.search(clause):
        return False
    return FOREIGN_DENIED.search(clause) is not None or not clause.rstrip(" *_`\"'(").endswith(":")


def _may_follow(after: str, value: str, manner: Manner) -> bool:
    """Whether the rest of the sentence leaves the verdict a statement."""
    if manner.units and (unit := manner.units.match(after)):
        after = after[unit.end() :]
    if "?" in after:
        return False
    if ONLY_DECORATION.fullmatch(after):
        return True
    aside = ASIDE.match(after)
    if aside and not IN_AN_ASIDE_DENIED.search(aside[0]):
        after = after[aside.end() :]
        if not after:
            return True
    if INSTEAD_OF.match(after):
        return True
    if because := REASON.match(after):
        return not _takes_back(after[because.end() :], value, manner, reason=True)
    more = BETTER.match(after) or DASH.match(after)
    if more is None or DENIED.search(COMPARED_WITH.sub("", after[more.end() :])):
        return False
    return not _takes_back(after[more.end() :], value, manner, reason=True)


def _takes_back(text: str, value: str, manner: Manner, *, reason: bool = False) -> bool:
    """Whether what follows a verdict takes it back, or states another one."""
    if TAKEN_BACK.search(text) or FOREIGN_TAKEN_BACK.search(text):
        return True
    if not reason and (
        TAKEN_BACK_AT_START.search(text) or (FOREIGN_SCRIPT.search(text) and FOREIGN_DENIED.search(text))
    ):
        return True
    if reason and re.search(r"(?<!\w)(?:if|no|wait|oops)(?!\w)", text, re.IGNORECASE):
        return True
    others = [pattern for label, pattern in manner.labels.items() if label != value]
    if any(_states(text, other) for other in others):
        return True
    if not manner.labels:
        return SOFTLY.search(text) is not None and re.search(r"\d", text) is not None
    first, *softened = SOFTLY.split(text)
    return _prefers_another(first, value, manner) or any(
        _prefers_another(clause, value, manner, soft=True) for clause in softened
    )


def _states(text: str, label: re.Pattern[str]) -> bool:
    """Whether a line is this label alone, or calls it the verdict."""
    if label.fullmatch(text.strip(SIGNS)):
        return True
    return any(CALLED.search(text[max(0, match.start() - 60) : match.start()]) for match in label.finditer(text))


def _prefers_another(clause: str, value: str, manner: Manner, *, soft: bool = False) -> bool:
    """Whether a comparison speaks for another verdict: it names that first, or denies this one, or names none."""
    if not COMPARED.search(clause):
        return False
    denied = re.search(r"\bnot\b|n't\b|\bnever\b|\bno\b", clause) is not None
    places = {label: match.start() for label, pattern in manner.labels.items() if (match := pattern.search(clause))}
    if not places:
        return soft or denied or THE_OTHER.search(clause) is not None
    return (min(places, key=places.__getitem__) == value) == denied


def _only_last_is_final(sentences: Sequence[_Sentence], earlier: int, last: int) -> bool:
    def called_final(place: int) -> bool:
        return bool(FINAL.search(_lead(sentences, place, sentences[place][0].partition(HERE)[0])))

    return called_final(last) and not called_final(earlier)
