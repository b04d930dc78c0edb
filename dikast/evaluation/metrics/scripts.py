"""Which texts a metric of words can measure: a word has to be something that its tokeniser sees.

    is_spaced("今天天气很好")      # False: BLEU and METEOR would take it for one word
    is_latin("Сегодня тепло")     # False: ROUGE has no token for it

Not covered: how well a metric measures what it sees.
"""

from __future__ import annotations

import re

UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, Kana, Han."""


def is_spaced(text: str) -> bool:
    """Whether most letters of a text are of a script that puts spaces between words; a text of none is."""
    letters = [letter for letter in text if letter.isalnum()]
    return 2 * sum(bool(UNSPACED.match(letter)) for letter in letters) <= len(letters)


def is_latin(text: str) -> bool:
    """Whether most letters of a text are such as rouge-score makes tokens of; a text of none is."""
    letters = [letter for letter in text if letter.isalnum()]
    return 2 * sum(letter.isascii() for letter in letters) >= len(letters)
