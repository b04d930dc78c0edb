r"""Text to index terms as Lucene's English analysis chain does it, without Java; and in other languages.

Tokens by the word-break rules of Unicode (UAX #29, as in Lucene's `StandardTokenizer`: emoji, ideographs and hiragana
are single tokens, Thai and its neighbours runs), possessive `'s` off, lower case, Lucene's 33 English stop words,
Porter's stemmer with Martin Porter's later extensions. That is Anserini's `DefaultEnglishAnalyzer`.

    >>> analyze("The Oracle's answers were hidden")
    ['oracl', 'answer', 'were', 'hidden']
    >>> analyze("Die Antworten der Orakel", "de")
    ['antwort', 'orakel']

Of 78,370 assigned characters, tried between letters, between digits and alone, 98 % behave as in Lucene 9; the others
are younger than its Unicode 9, but for the cedilla and tone bars, and playing cards and the like.

Other languages have the same tokens, their own stop words and Snowball's stemmers: see `dikast.retrieval.languages`.

Not done: folding of accents (Lucene's chain does not fold either). Where
Lucene cuts a token of more than 255 characters into pieces, a run of plain letters is cut too, but of any other token
(`a.b.c` for pages on end) the first 255 characters stand for the whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from functools import cache, partial
from itertools import groupby
from typing import Any

import regex

from dikast.late import late
from dikast.retrieval.languages import ARTICLES, ENGLISH, LANGUAGES, stop_words, without_article

ANALYZER = "lucene-english-1"
"""Name and version of the English chain; stored in every index, so that an index is never searched with another."""

# org.apache.lucene.analysis.en.EnglishAnalyzer.ENGLISH_STOP_WORDS_SET
_STOPWORDS = """
a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was
will with
"""
STOPWORDS = frozenset(_STOPWORDS.split())
LONGEST_TOKEN = 255  # StandardTokenizer.MAX_TOKEN_LENGTH_DEFAULT: longer runs are cut into pieces of this length
CACHED_TOKENS = 1_000_000  # about 150 MB; the cache is emptied when it is full
POSSESSIVES = ("'s", "'S", "\u2019s", "\u2019S", "\uff07s", "\uff07S")

# Plain ASCII text is 80 to 100 % of English collections, and `re` reads it ten times faster than `regex` reads the
# full rules (0.3 s against 4.0 s for 7.8 MB).
_ASCII_TOKEN = re.compile(
    rf"[A-Za-z0-9_]{{1,{LONGEST_TOKEN}}}"
    r"(?:(?:(?<=[A-Za-z])[.':](?=[A-Za-z])|(?<=[0-9])[.,;'](?=[0-9]))"
    rf"[A-Za-z0-9_]{{1,{LONGEST_TOKEN}}})*+"
)


def analyze(text: str, language: str = ENGLISH) -> list[str]:
    """The index terms of a text, in order, repeats kept; stop words leave no trace.

    Args:
        text: Any.
        language: One of `LANGUAGES`, as `language_of` gives it.
    """
    return list(filter(None, map(_terms(language).__getitem__, tokenize(text))))


def analyzer_of(language: str) -> str:
    """Name and version of a language's chain, as an index stores it."""
    return ANALYZER if language == ENGLISH else f"snowball-{LANGUAGES[language]}-1"


def tokenize(text: str) -> list[str]:
    """The tokens of a text before any filter."""
    if text.isascii():
        return _ASCII_TOKEN.findall(text)
    # No token holds a space, so that only words with other characters need the full rules.
    return [token for part in _by_script(text) for token in part]


def _by_script(text: str) -> Iterator[list[str]]:
    for ascii_only, words in groupby(text.split(" "), str.isascii):
        part = " ".join(words)
        yield _ASCII_TOKEN.findall(part) if ascii_only else _unicode_token().findall(part)


@cache
def _unicode_token() -> regex.Pattern[str]:
    r"""The grammar of Lucene's StandardTokenizerImpl.jflex; `x` is UAX #29's rule WB4 (marks belong to their base)."""
    x = r"[\p{WB=Format}\p{WB=Extend}\p{WB=ZWJ}]*+"
    mid_letter = r"[\p{WB=MidLetter}\p{WB=MidNumLet}\p{WB=Single_Quote}]" + x
    mid_number = r"[\p{WB=MidNum}\p{WB=MidNumLet}\p{WB=Single_Quote}]" + x
    joiner = rf"(?:\p{{WB=ExtendNumLet}}{x})"
    digit = r"[\p{WB=Numeric}\uff10-\uff19]" + x
    kana = r"\p{WB=Katakana}" + x
    hebrew = r"\p{WB=Hebrew_Letter}" + x
    quoted_hebrew = rf"{hebrew}(?:\p{{WB=Single_Quote}}{x}|\p{{WB=Double_Quote}}{x}{hebrew})"
    letter = rf"(?:{quoted_hebrew}|[\p{{WB=ALetter}}\p{{WB=Hebrew_Letter}}]{x})"

    number = rf"{digit}(?:(?:{joiner}*+|{mid_number}){digit})*+"
    letters = rf"{letter}(?:(?:{joiner}*+|{mid_letter}){letter})*+"
    run = rf"(?:{kana}(?:{joiner}*+{kana})*+|(?:{number}|{letters})++)"
    word = rf"{joiner}*+{run}(?:{joiner}++{run})*+{joiner}*+|{joiner}++"
    single = rf"\p{{Script=Han}}{x}|\p{{Script=Hiragana}}{x}"
    south_east_asian = rf"(?:\p{{Line_Break=SA}}{x})++"
    return regex.compile(f"{word}|{single}|{south_east_asian}|{_emoji()}")


def _emoji() -> str:
    """Emoji sequences (UTS #51), each one token."""
    marks = r"(?:(?![\ufe0e\ufe0f])[\p{WB=Format}\p{WB=Extend}\p{WB=ZWJ}])*+"
    plain = r"(?:\p{Extended_Pictographic}|(?![0-9#*\p{WB=Regional_Indicator}\p{Emoji_Modifier}])\p{Emoji})"
    skin = rf"(?:\p{{Emoji_Modifier_Base}}{marks})?\p{{Emoji_Modifier}}{marks}"
    one = rf"(?:{skin}|{plain}{marks}\ufe0f?)"
    joined = rf"(?:(?:\u200d++|(?<=\u200d)){one})*+"
    flag = rf"(?:\p{{WB=Regional_Indicator}}{marks}){{2}}"
    keycap = rf"[0-9#*]{marks}\ufe0f?\u20e3{marks}"
    return rf"{one}(?:[\U000e0020-\U000e007e]++\U000e007f|{joined})|{keycap}|{flag}"


class _Terms(dict[str, str]):
    """Token -> term, filled as tokens are met; a token that leaves no term maps to the empty string."""

    def __init__(
        self,
        stem: Callable[[str], str],
        stop_words: Collection[str] = STOPWORDS,
        trim: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__()
        self.stem, self.stop_words, self.trim = stem, stop_words, trim or _without_possessive

    def __missing__(self, token: str) -> str:
        word = _lower(self.trim(token[:LONGEST_TOKEN]))
        term = "" if word in self.stop_words or not word.strip("_") else self.stem(word)
        if len(self) >= CACHED_TOKENS:
            self.clear()
        if len(token) <= LONGEST_TOKEN:
            self[token] = term
        return term


def _without_possessive(word: str) -> str:
    return word[:-2] if word.endswith(POSSESSIVES) else word


def _lower(word: str) -> str:
    """Java's `Character.toLowerCase`, character by character, so that a final sigma is like any other."""
    return word.lower() if word.isascii() else "".join(character.lower()[0] for character in word)


@cache
def _terms(language: str) -> _Terms:
    """The process's one cache. All of NLTK takes a second to import; its stemmer is imported with the first text."""
    stemmer: Any  # untyped
    if language == ENGLISH:
        with late("nltk", "nltk.stem"):
            from nltk.stem.porter import PorterStemmer

            stemmer = PorterStemmer(mode=PorterStemmer.MARTIN_EXTENSIONS)
            return _Terms(stemmer.stem)
    from nltk.stem.snowball import SnowballStemmer

    stemmer = SnowballStemmer(LANGUAGES[language])
    trim = partial(without_article, language=language) if language in ARTICLES else str
    return _Terms(stemmer.stem, stop_words(language), trim)
