"""A tokenizer of words with ChatML's template, in the form in which transformers has them; no library needed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dikast.training.backend.tokens import Speaker

START, END = "<|im_start|>", "<|im_end|>"
WORDS = re.compile(r"<\|im_start\|>|<\|im_end\|>|\n|\s?[^\s<]+|<|\s")


@dataclass
class Control:
    content: str
    special: bool = True

    def __str__(self) -> str:
        return self.content


@dataclass
class Words:
    """Args: whether the template opens the assistant's turn, and what it puts before each reply of an earlier turn."""

    opens: bool = True
    thought: str = ""
    known: dict[str, int] = field(default_factory=lambda: {START: 0, END: 1})
    chat_template: str | None = "{{ messages }}"
    eos_token: str = END
    eos_token_id: int = 1

    @property
    def added_tokens_decoder(self) -> Mapping[int, Control]:
        return {0: Control(START), 1: Control(END)}

    def encode(self, text: str, add_special_tokens: bool = False) -> list[int]:
        return [self.known.setdefault(word, len(self.known)) for word in WORDS.findall(text)]

    def __call__(self, text: str) -> dict[str, list[int]]:
        return {"input_ids": self.encode(text)}

    def decode(self, ids: Sequence[int]) -> str:
        names = {number: word for word, number in self.known.items()}
        return "".join(names[one] for one in ids)

    def apply_chat_template(self, history: Sequence[Mapping[str, str]], **given: Any) -> str:
        if history[0]["role"] == "system":
            raise ValueError("no system message, please")
        said = ""
        for place, message in enumerate(history):
            thought = self.thought if message["role"] == "assistant" and place == len(history) - 1 else ""
            said += f"{START}{message['role']}\n{thought}{message['content']}{END}\n"
        return said + (f"{START}assistant\n" if given["add_generation_prompt"] and self.opens else "")


def speaker(**how: Any) -> Speaker:
    return Speaker(Words(**how))
