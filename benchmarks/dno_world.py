"""The world of the benchmark of DNO: prompts of three keywords, answers of words, and a judge that is a formula.

An answer is good if it has the prompt's keywords, each once; its style is the class of the first filler in it. How
likely one answer is preferred to another grows with how much better it is; styles beat one another in a circle, so that
preference is intransitive; and a biased judge likes the longer one. The judge scores a listing as DNO's does, side by
side: the points of an answer are 6 times how often it is expected to win against the others shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

KEYS, FILLERS, STYLES = 12, 12, 3
ASKED = 3
"""Keywords of a prompt."""
LONGEST = 22
"""Words of an answer at most."""
END, SEPARATOR, PAD = KEYS + FILLERS, KEYS + FILLERS + 1, KEYS + FILLERS + 2
WORDS = KEYS + FILLERS + 3
"""Keywords, fillers, and the three signs."""
QUALITY, STYLE = 5.0, 0.7
"""Log odds between an answer that is wholly right and one that is wholly wrong; between styles."""
MOST = 6

Words = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Judge:
    """A preference.

    Args:
        bias: Log odds for each word more.
    """

    bias: float = 0.0

    def prefers(self, prompt: Words, one: Words, other: Words) -> float:
        """How likely one answer is preferred to another."""
        odds = QUALITY * (quality(prompt, one) - quality(prompt, other)) + STYLE * circle(one, other)
        return 1 / (1 + math.exp(-(odds + self.bias * (len(one) - len(other)))))

    def points(self, prompt: Words, answers: Sequence[Words]) -> list[float]:
        """Points of answers shown side by side, 0 to 6, whole."""
        found: list[float] = []
        for place, one in enumerate(answers):
            wins = [self.prefers(prompt, one, other) for at, other in enumerate(answers) if at != place]
            found.append(float(round(MOST * sum(wins) / len(wins))))
        return found


def quality(prompt: Words, answer: Words) -> float:
    """The share of the keywords that an answer has, less a tenth for each keyword that is wrong or there again."""
    right = len(set(prompt) & set(answer))
    keys = sum(word < KEYS for word in answer)
    return right / ASKED - 0.1 * (keys - right)


def style(answer: Words) -> int | None:
    """The class of the first filler; `None` without one."""
    return next((word % STYLES for word in answer if KEYS <= word < KEYS + FILLERS), None)


def circle(one: Words, other: Words) -> int:
    """1 if a style beats the other, -1 if it loses: 0 beats 1, 1 beats 2, 2 beats 0."""
    mine, theirs = style(one), style(other)
    if mine is None or theirs is None or mine == theirs:
        return 0
    return 1 if (theirs - mine) % STYLES == 1 else -1


def prompts(count: int, seed: int) -> list[Words]:
    """Prompts; some come more than once."""
    random = Random(seed)
    return [tuple(random.sample(range(KEYS), ASKED)) for _ in range(count)]


def gold(prompt: Words, random: Random) -> Words:
    """A teacher's answer: most keywords, and a few fillers."""
    words = [word for word in prompt if random.random() < 0.8]
    words += [KEYS + random.randrange(FILLERS) for _ in range(random.randrange(3, 8))]
    random.shuffle(words)
    return tuple(words)


def rough(prompt: Words, random: Random) -> Words:
    """What the student is taught to say before DNO begins: a keyword or two, wrong ones, fillers, of many lengths."""
    words = [word for word in prompt if random.random() < 0.4]
    words += [random.randrange(KEYS) for _ in range(random.randrange(2))]
    words += [KEYS + random.randrange(FILLERS) for _ in range(random.randrange(1, 13))]
    random.shuffle(words)
    return tuple(words)


def text_of(words: Words) -> str:
    """The answer as text, which is what pairs are made of."""
    return " ".join(f"{'k' if word < KEYS else 'f'}{word}" for word in words)
