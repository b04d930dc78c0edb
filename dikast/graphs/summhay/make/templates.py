"""Documents out of set phrases: what a haystack is made of where no model is asked.

    text = compose(Task(topic="Harbour cranes", domain="news", ...), sample=0)

An article is paragraphs; a conversation is turns, `NAME: ...`. Each insight stands in a passage of its own, in its own
words behind one of many ways to bring it up, with remarks around it; between passages is talk that says nothing: no
numbers, no names but the participants', no fact. All of it is drawn by the task's seed, so that documents differ and a
seed gives the same text.

Not here: documents that read well, or whose insights are reworded. They serve tests, benchmarks of retrieval and long
contexts without a model, and stand in for what a model could not write.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from dikast.graphs.summhay.make.roles import Task
from dikast.graphs.summhay.make.words import OPENERS

VERSION = 1
"""Changes with the phrases: part of the fingerprint of runs."""
BETWEEN = 1
"""Sentences of talk between two insights at least: with the remark two, so that no window of the oracle sees both."""
PARAGRAPH = (3, 6)
TURN = (1, 3)
"""Sentences of a paragraph, and of a turn."""
NAMES = (
    *("Amara", "Benoit", "Chiara", "Dmitri", "Eleni", "Farouk", "Greta", "Hideo", "Ingrid", "Jorge", "Keiko", "Lucia"),
    *("Marek", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Sven", "Tariq", "Ursula", "Viktor", "Wanda", "Yusuf"),
)
PARTICIPANTS = 4

OPENINGS = (
    "Interest in {topic} has been growing for a while, and opinions differ on where it leads.",
    "There is no shortage of talk about {topic}, and not all of it agrees.",
    "Anybody who follows {topic} knows how quickly the mood can turn.",
    "The debate about {topic} goes on, with {theme} now in the middle of it.",
    "Much has been written about {topic}; less is said about {theme}.",
    "People who care about {topic} tend to begin with {theme}.",
)
CHAT_OPENINGS = (
    "Thanks for making the time, everyone. Let us talk about {topic} and about {theme} above all.",
    "Good to see you all. I would like to go over {topic} again, and not leave out {theme}.",
    "Shall we begin? We wanted to look at {topic}, and {theme} is what I keep being asked about.",
    "Hello everybody. I have been thinking about {topic}, mostly because of {theme}.",
)
LEADS = (
    "According to people who know the matter, {said}.",
    "What stands out is this: {said}.",
    "In a statement that drew much attention it was said that {said}.",
    "Those who looked into it closely report that {said}.",
    "As several observers point out, {said}.",
    "It is by now well established that {said}.",
    "A spokesperson put it plainly: {said}.",
    "Readers may have missed it, but {said}.",
    "In short, {said}.",
    "Records that were made public show that {said}.",
    "One point is hardly in dispute: {said}.",
    "Asked about it, insiders confirmed that {said}.",
    "{Said}, as those involved have made clear.",
    "{Said}, according to a note that was passed on to us.",
    "{Said}.",
)
CHAT_LEADS = (
    "Here is what I found out: {said}.",
    "I checked it again this morning, and {said}.",
    "Let me be precise about it: {said}.",
    "What I can tell you for certain is that {said}.",
    "You may not have heard it yet, but {said}.",
    "From what I was told, {said}.",
    "I wrote it down so that I get it right: {said}.",
    "The way I understand it, {said}.",
    "{Said}, and I have that from a good source.",
    "{Said}. That is the part I wanted you to hear.",
    "Listen to this: {said}.",
    "It came up before, but it bears repeating that {said}.",
)
REMARKS = (
    "It is hard to say what will come of it.",
    "Not everybody had expected that.",
    "Critics and supporters read it in different ways.",
    "That alone would be worth a closer look.",
    "For those concerned it makes quite a difference.",
    "Whether it will last is another matter.",
    "Nobody seems to doubt it any more.",
    "It has been quoted many times since.",
)
CHAT_REMARKS = (
    "I did not know that, thank you.",
    "That is good to know.",
    "Really? I would have guessed otherwise.",
    "Fair enough, I will take your word for it.",
    "I think we should keep that in mind.",
    "That matches what I was thinking.",
    "All right, let me note it.",
    "Hm, that changes how I see it.",
)
SUBJECTS = (
    *("Observers", "Some commentators", "Critics", "Supporters", "Long-time followers", "People close to the matter"),
    *("Outsiders", "Many readers", "Those in charge", "Experienced hands", "Sceptics", "Neighbours", "Regulars"),
    *("The more cautious voices", "Newcomers", "Practitioners", "Friends of the idea", "Most of those we spoke to"),
)
CHAT_SUBJECTS = (
    *("I", "We", "Most of us", "Some of the others", "My colleagues", "People I talk to", "You and I"),
    *("Those upstairs", "The others on the team", "Friends of mine", "Plenty of people", "Folks around here"),
)
VERBS = (
    *("still wonder about", "have mixed feelings about", "keep coming back to", "would rather not dwell on"),
    *("like to argue about", "have grown used to", "are curious about", "seldom agree on", "pay close attention to"),
    *("have little patience for", "often speak about", "tend to forget", "are slow to judge", "see both sides of"),
    *("ask for patience with", "look forward to", "have their doubts about", "hope for more clarity about"),
)
OBJECTS = (
    *("the wider picture", "what comes next", "the mood of the moment", "the tone of the discussion"),
    *(
        "the small print",
        "how things are explained",
        "the way it is handled",
        "the open questions",
        "the pace of it",
    ),
    *("what others make of it", "the usual arguments", "the matter of {theme}", "{theme} in general", "the loose ends"),
    *("the old habits", "the gap between words and deeds", "how it all began", "the expectations on every side"),
)
TAILS = (
    *("and that is unlikely to change soon", "though few would say so in public", "as is so often the case"),
    *("which is understandable", "even if the reasons differ", "and rightly so", "for better or worse"),
    *("whatever the headlines say", "at least for the time being", "as far as anybody can tell", "more than before"),
    *("without much fuss", "and the mood reflects it", "if only out of habit", "but patience is running thin"),
)
STARTS = (
    *("", "", "", "Then again, ", "All the same, ", "At the same time, "),
    *("Meanwhile, ", "As ever, ", "Perhaps ", "Still, "),
)
ENDINGS = (
    "For now the questions outnumber the answers.",
    "How it goes on, time will tell.",
    "The last word on it has not been spoken.",
    "Until then, patience is called for.",
)
CHAT_ENDINGS = (
    "Let us leave it there for today.",
    "Thank you all, that was useful.",
    "Good, then we speak again soon.",
    "I will write it up and send it around.",
)


def choose_participants(seed: int, texts: Sequence[str]) -> tuple[str, ...]:
    """Names for a conversation that occur in none of the texts, as far as there are such."""
    said = " ".join(texts)
    free = [name for name in NAMES if name not in said]
    names = free if len(free) >= PARTICIPANTS else NAMES
    return tuple(random.Random(f"participants {seed}").sample(names, PARTICIPANTS))


def compose(task: Task, sample: int = 0) -> str:
    """A document that says the task's insights and no other, about as long as it asks for."""
    draw = random.Random(f"{VERSION} {task.seed} {sample}")
    chat = task.domain == "conversation"
    passages = [_passage(insight, draw, chat) for insight in draw.sample(task.insights, len(task.insights))]
    themes = [theme for theme in task.themes if theme] or [task.topic]
    opening = draw.choice(CHAT_OPENINGS if chat else OPENINGS).format(topic=task.topic, theme=draw.choice(themes))
    ending = draw.choice(CHAT_ENDINGS if chat else ENDINGS)
    said = sum(len(" ".join(part).split()) for part in [[opening, ending], *passages])
    gaps = _talk(max(task.words - said, 0), len(passages) + 1, lambda: _sentence(draw, themes, chat))
    parts = [[opening, *gaps[0]]]
    for passage, gap in zip(passages, gaps[1:], strict=True):
        parts += [passage, gap]
    parts[-1] = [*parts[-1], ending]
    return _turns(parts, task.participants, draw) if chat else _paragraphs(parts, draw)


def lowered(sentence: str) -> str:
    """A sentence as it goes on behind a colon: without its capital, where that is not a name's."""
    first = sentence.split(maxsplit=1)[0] if sentence else ""
    return sentence[:1].lower() + sentence[1:] if first.lower() in OPENERS else sentence


def _passage(insight: str, draw: random.Random, chat: bool) -> list[str]:
    """An insight brought up, with a remark; its words are its own."""
    said = " ".join(insight.split()).rstrip(".")
    # Put in by hand: an insight may hold braces.
    lead = draw.choice(CHAT_LEADS if chat else LEADS)
    brought = lead.replace("{said}", lowered(said)).replace("{Said}", said)
    return [brought, draw.choice(CHAT_REMARKS if chat else REMARKS)]


def _sentence(draw: random.Random, themes: Sequence[str], chat: bool) -> str:
    """A sentence that says nothing."""
    start = draw.choice(STARTS)
    subject = draw.choice(CHAT_SUBJECTS if chat else SUBJECTS)
    subject = subject[0].lower() + subject[1:] if start and subject != "I" else subject
    body = f"{subject} {draw.choice(VERBS)} {draw.choice(OBJECTS)}, {draw.choice(TAILS)}."
    return start + body.replace("{theme}", draw.choice(themes))


def _talk(words: int, gaps: int, sentence: Callable[[], str]) -> list[list[str]]:
    """Sentences of so many words in all, spread over the gaps; a few in each, whatever the words."""
    found: list[list[str]] = [[] for _ in range(gaps)]
    seen: set[str] = set()
    count = place = 0
    while count < words or len(found[-1]) < BETWEEN:
        one = sentence()
        if one in seen and len(seen) < 1000:
            continue
        seen.add(one)
        found[place % gaps].append(one)
        count += len(one.split())
        place += 1
    return found


def _paragraphs(parts: Sequence[Sequence[str]], draw: random.Random) -> str:
    """Sentences in paragraphs; a passage may begin or end within one."""
    lines: list[list[str]] = [[]]
    left = draw.randint(*PARAGRAPH)
    for sentence in (sentence for part in parts for sentence in part):
        if not left:
            lines.append([])
            left = draw.randint(*PARAGRAPH)
        lines[-1].append(sentence)
        left -= 1
    return "\n\n".join(" ".join(line) for line in lines if line)


def _turns(parts: Sequence[Sequence[str]], participants: Sequence[str], draw: random.Random) -> str:
    """The same as turns: what is brought up by one is remarked upon by another."""
    lines: list[str] = []
    speaker = ""
    for part in parts:
        sentences = list(part)
        while sentences:
            # The first sentence of a passage is a turn of its own.
            size = 1 if len(part) == 2 else draw.randint(*TURN)
            speaker = draw.choice([name for name in participants if name != speaker] or [speaker])
            lines.append(f"{speaker}: {' '.join(sentences[:size])}")
            sentences = sentences[size:]
    return "\n".join(lines)
