"""Structured forms for `transformers:`, by llguidance: JSON schema, choice, regular expression, grammar (GBNF).

grammar = grammar_of(structured)          # its text; raises UsageError for one that cannot be compiled
matcher = Forms(loaded).matcher(grammar)
matcher.mask(logits)                      # what the form forbids next becomes minus infinity
matcher.take(token)
"""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from dikast.agents.models.request import Structured
from dikast.errors import MissingExtraError, UsageError
from dikast.http.server_errors import excerpt

COMPACT = {"whitespace_flexible": False}
"""No white space between JSON's tokens: small models otherwise fill a reply with it."""


def grammar_of(structured: Structured) -> str:
    """A form in llguidance's terms.

    Raises:
        MissingExtraError: llguidance is not installed.
        UsageError: The form cannot be compiled.
    """
    if find_spec("llguidance") is None:
        raise MissingExtraError("llguidance, which holds replies to forms,", extra="train")
    library: Any = import_module("llguidance")
    matcher, grammar = library.LLMatcher, ""
    try:
        if structured.json_schema is not None:
            grammar = matcher.grammar_from_json_schema(json.dumps(dict(structured.json_schema)), COMPACT)
        elif structured.choice is not None:
            options = " | ".join(json.dumps(text, ensure_ascii=False) for text in structured.choice)
            grammar = matcher.grammar_from_lark(f"start: {options}")
        elif structured.regex is not None:
            grammar = matcher.grammar_from_regex(structured.regex)
        else:
            grammar = matcher.grammar_from_lark(library.gbnf_to_lark.any_to_lark(structured.grammar))
        wrong = matcher.validate_grammar(grammar)
    except (ValueError, TypeError) as error:
        wrong = str(error)
    if wrong:
        raise UsageError(f"transformers: a reply cannot be held to this {structured.form}: {excerpt(wrong)}")
    return grammar


class Matcher:
    """One reply under its form."""

    def __init__(self, native: Any, numbers: Any, torch: Any, vocabulary: int) -> None:
        self._native, self._numbers, self._torch, self._vocabulary = native, numbers, torch, vocabulary

    def mask(self, logits: Any) -> Any:
        """Logits of shape (vocabulary,), minus infinity where the form forbids the token."""
        bits = self._numbers.allocate_token_bitmask(1, self._vocabulary)
        self._numbers.fill_next_token_bitmask(self._native, bits, 0)
        allowed = import_module("numpy").unpackbits(bits.view("uint8")[0], bitorder="little")[: self._vocabulary]
        mask = self._torch.from_numpy(allowed).bool().to(logits.device)
        return logits.masked_fill(~mask, float("-inf"))

    def take(self, token: int) -> None:
        """Go on by the token that was drawn."""
        self._native.consume_token(token)

    @property
    def ended(self) -> bool:
        """Whether nothing may follow."""
        return self._native.is_stopped()


class Forms:
    """Makes matchers for one model; its tokenizer is read at the first."""

    def __init__(self, tokenizer: Any, vocabulary: int, torch: Any) -> None:
        self._tokenizer, self._vocabulary, self._torch = tokenizer, vocabulary, torch
        self._native: Any = None

    def matcher(self, grammar: str) -> Matcher:
        """A matcher at its start.

        Raises:
            UsageError: The grammar cannot be used with this model's tokens.
        """
        library: Any = import_module("llguidance")
        if self._native is None:
            self._native = import_module("llguidance.hf").from_tokenizer(self._tokenizer, n_vocab=self._vocabulary)
        native = library.LLMatcher(self._native, grammar)
        if native.is_error():
            raise UsageError(f"transformers: a reply cannot be held to this form: {excerpt(native.get_error())}")
        return Matcher(native, import_module("llguidance.numpy"), self._torch, self._vocabulary)
