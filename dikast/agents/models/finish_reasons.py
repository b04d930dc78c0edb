"""How engines say that a reply ended, in the one vocabulary of `Reply.finish_reason`.

finish_reason("eos_token")      # "stop"
"""

from __future__ import annotations

from collections.abc import Mapping

OURS: Mapping[str, str] = {
    # TGI
    "eos_token": "stop",
    "stop_sequence": "stop",
    # Anthropic; its `refusal` is a classifier's, which stops the model in mid-sentence
    "end_turn": "stop",
    "max_tokens": "length",
    "refusal": "content_filter",
    # Gemini
    "safety": "content_filter",
    "prohibited_content": "content_filter",
}


def finish_reason(said: object) -> str:
    """The word for how a reply ended: `stop`, `length`, `content_filter`, or the engine's own; `unknown` for none."""
    word = str(said or "unknown")
    return OURS.get(word.lower(), word.lower() if word.isupper() else word)
