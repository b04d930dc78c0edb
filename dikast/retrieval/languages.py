"""Languages other than English in which texts are analysed: names, stop words, articles.

    language_of("German")        # "de"
    stop_words("de")             # aber, alle, allem, ...

A language is called as Lucene calls its package (`de`) or Snowball its stemmer (`german`). Tokens are those of
`dikast.retrieval.analysis`, in lower case, without Lucene's stop words (which are Snowball's, and Jacques Savoy's for
Romanian), stemmed by Snowball as NLTK has it; French and Italian tokens lose their article (`l'avion`), as in Lucene.

Lucene's own analysers stem by Snowball in Danish, Dutch, Finnish, Hungarian, Norwegian, Romanian, Russian and Swedish,
and so give the same terms, but for what NLTK does otherwise in Hungarian (1 % of words). In French, German, Italian,
Portuguese and Spanish Lucene has *light* stemmers, which cut less: there its rankings are others than ours. Who wants
those builds an index with `--lucene`. `docs/design/retrievers.md` has the shares.

Not done: languages that NLTK has no Snowball stemmer for, or whose words no space parts.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from dikast.errors import RetrievalError, UsageError

ENGLISH = "en"
LANGUAGES = {
    ENGLISH: "english",
    "da": "danish",
    "de": "german",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
}
"""Lucene's name -> Snowball's."""
ANALYZERS = {
    code: f"org.apache.lucene.analysis.{code}.{full.capitalize()}Analyzer"
    for code, full in LANGUAGES.items()
    if code not in (ENGLISH, "ro")
}
"""Lucene's own analysers, by which Anserini indexes: it has none of Romanian, and for English one of its own."""
_FRENCH = "c d j jusqu l lorsqu m n puisqu qu quoiqu s t"
_ITALIAN = "agl all c coll d dagl dall degl dell gl l m negl nell pell s sugl sull t un v"
ARTICLES = {"fr": frozenset(_FRENCH.split()), "it": frozenset(_ITALIAN.split())}
"""What a token loses with the apostrophe after it: DEFAULT_ARTICLES of Lucene's FrenchAnalyzer and ItalianAnalyzer."""


def language_of(name: str) -> str:
    """A language by either of its names, as Lucene calls it.

    Raises:
        UsageError: It is none of them.
    """
    asked = name.strip().lower()
    found = next((code for code, full in LANGUAGES.items() if asked in (code, full)), None)
    if found is None:
        told = ", ".join(f"{code} ({full})" for code, full in LANGUAGES.items())
        raise UsageError(f"no analysis for the language {name!r:.60}", hint=f"there are {told}")
    return found


def agree(told: str, asked: str | None, origin: object) -> str:
    """In which language an index is searched.

    Args:
        told: What the index says; empty where it says nothing.
        asked: What somebody asked for.
        origin: The index, named in errors.

    Raises:
        RetrievalError: The two are not the same.
    """
    if told and asked not in (None, told):
        hint = "without a language it is searched in its own; or index the collection anew"
        raise RetrievalError(f"{origin}: an index of language {told}, not {asked}", hint=hint)
    return told or asked or ENGLISH


@cache
def stop_words(language: str) -> frozenset[str]:
    """The words that leave no term; of any language but English."""
    text = (files("dikast.retrieval") / "stopwords" / f"{language}.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def without_article(token: str, language: str) -> str:
    """The token without an article that an apostrophe joins to it."""
    for place, sign in enumerate(token):
        if sign in "'\u2019":
            return token[place + 1 :] if token[:place].lower() in ARTICLES[language] else token
    return token
