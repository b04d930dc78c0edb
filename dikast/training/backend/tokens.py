"""Training rows as token ids, as an engine would have met them.

    speaker = Speaker(tokenizer, template)
    speaker.pair(prompt, "4")           # the prompt's tokens, and the completion's with its end
    rows, left_out = tokenised(rows, "preference", speaker, longest=1024)

A conversation is rendered by the model's chat template. Control tokens within a message's text stay plain characters,
as they do when the model is asked (`dikast.agents.models.control_tokens`), so that no text can end its own turn. A
plain text is taken as it is, control tokens among it. What follows the token that ends a reply (a line break in most
templates) is never sampled, so it is not trained on either.

TRL makes the same of ordinary rows; it is given these ids, and tokenises nothing itself.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from dikast.agents.models.control_tokens import BREAK, marked
from dikast.agents.models.stops import until_end
from dikast.errors import UsageError
from dikast.http.server_errors import excerpt
from dikast.training.rows import PROBLEMS, WHOLE

Ids: TypeAlias = list[int]
IGNORED = -100
"""The label of a token that the loss leaves out, in torch."""
SEEN_CHARACTERS = 16
"""Of a reply, to see whether it follows its prompt at once."""
END_ADVICE = "give plain rows, or a model whose chat template opens the assistant's turn (add_generation_prompt)"


@dataclass(frozen=True)
class Speaker:
    """A tokenizer with its chat template.

    Args:
        tokenizer: transformers'.
        template: Variables of the chat template.
    """

    tokenizer: Any
    template: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @functools.cached_property
    def controls(self) -> tuple[str, ...]:
        """Texts of the control tokens."""
        return tuple(str(token) for token in self.tokenizer.added_tokens_decoder.values() if token.special)

    def pair(self, prompt: Any, completion: Any) -> tuple[Ids, Ids]:
        """A prompt's tokens, and those of a completion, its end among them.

        Args:
            prompt: Plain, or messages.
            completion: Of the same form.

        Raises:
            UsageError: The chat template does not open the assistant's turn, or refuses the messages.
        """
        if isinstance(prompt, str):
            return self._plain_pair(prompt, completion)
        whole = self.rendered([*prompt, *completion])
        opened, after = self._split(self._opened(prompt, whole, completion[0]), whole)
        return opened, until_end(after, self.tokenizer.eos_token_id)

    def whole(self, prompt: Any, completion: Any) -> Ids:
        """The tokens of prompt and completion together, its end the last: what a value is asked of (`Request.value`).

        Raises:
            UsageError: As `pair`.
        """
        if isinstance(prompt, str):
            opened, said = self._plain_pair(prompt, completion)
            return [*opened, *said]
        return until_end(self.encode(self.rendered([*prompt, *completion])), self.tokenizer.eos_token_id)

    def conversation(self, messages: Sequence[Mapping[str, str]]) -> tuple[Ids, list[int]]:
        """The tokens of a whole conversation, and their labels: the assistant's own turns, each with its end.

        Raises:
            UsageError: As `pair`, or the template shows an earlier turn otherwise than a last one.
        """
        ids, labels, before = Ids(), list[int](), ""
        for place, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            whole = self.rendered(messages[: place + 1])
            opened = self._opened(messages[:place], whole, message)
            if not opened.startswith(before):
                why = "the chat template shows an earlier turn otherwise than a last one"
                raise UsageError(f"messages cannot be trained on whole: {why}", hint="make prompt and completion rows")
            prompt, after = self._split(opened.removeprefix(before), whole.removeprefix(before))
            said = until_end(after, self.tokenizer.eos_token_id)
            ids += [*prompt, *after]
            labels += [*([IGNORED] * len(prompt)), *said, *([IGNORED] * (len(after) - len(said)))]
            before = whole
        last = max(place for place, label in enumerate(labels) if label != IGNORED)
        return ids[: last + 1], labels[: last + 1]

    def _opened(self, prompt: Sequence[Mapping[str, str]], whole: str, reply: Mapping[str, str]) -> str:
        """A rendered prompt that ends where the reply begins.

        Raises:
            UsageError: It does not: the template has no generation prompt, and puts something before the reply.
        """
        opened = self.rendered(prompt, opened=True)
        said = reply["content"].strip()[:SEEN_CHARACTERS]
        follows = whole.removeprefix(opened).replace(BREAK, "").lstrip().startswith(said)
        if not follows and opened == self.rendered(prompt):
            raise UsageError("the model's chat template has no generation prompt", hint=END_ADVICE)
        return opened

    def rendered(self, messages: Sequence[Mapping[str, str]], *, opened: bool = False) -> str:
        """A conversation by the chat template, `BREAK` in each control token of its texts.

        Raises:
            UsageError: The template refuses it, or there is none.
        """
        history = marked(cast(Any, messages), self.controls)
        given = {"add_generation_prompt": opened, **self.template, "tokenize": False}
        try:
            return str(self.tokenizer.apply_chat_template(history, **given))
        except Exception as error:  # Jinja raises whatever the template does
            hint = "" if self.tokenizer.chat_template else "give plain rows, or an instruction-tuned model"
            raise UsageError(f"the model's chat template refuses a row: {excerpt(error)}", hint=hint) from error

    def encode(self, text: str) -> Ids:
        """The tokens of a rendered text, none added."""
        pieces = text.split(BREAK)
        return [token for piece in pieces for token in self.tokenizer.encode(piece, add_special_tokens=False)]

    def _split(self, opened: str, whole: str) -> tuple[Ids, Ids]:
        """The tokens of a rendered prompt, and of what follows: of the whole, where the prompt's own stay the same."""
        if opened == whole or not whole.startswith(opened):
            why = "renders a prompt otherwise than the same prompt with its reply"
            raise UsageError(f"the model's chat template {why}", hint=END_ADVICE)
        prompt, together = self.encode(opened), self.encode(whole)
        kept = together[: len(prompt)] == prompt
        return prompt, together[len(prompt) :] if kept else self.encode(whole.removeprefix(opened))

    def _plain_pair(self, prompt: str, completion: str) -> tuple[Ids, Ids]:
        """As TRL: both tokenised together; the completion begins where the prompt's own tokens end."""
        end = self.tokenizer.eos_token
        text = completion if completion.endswith(end) else completion + end
        alone: Ids = self.tokenizer(prompt)["input_ids"]
        whole: Ids = self.tokenizer(prompt + text)["input_ids"]
        common = next((at for at, (one, other) in enumerate(zip(alone, whole, strict=False)) if one != other), None)
        place = min(len(alone), len(whole)) if common is None else common
        return whole[:place], whole[place:]


def tokenised(
    rows: Iterable[Mapping[str, Any]], kind: str, speaker: Speaker, longest: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The columns that a trainer reads, of each row that is not too long; how many are.

    Args:
        rows: Valid rows (`dikast.training.rows`).
        kind: Of rows: `sft`, `tokens`, `preference`, `value`; `prompt` for those of GRPO, which tokenises them itself.
        speaker: The model's.
        longest: Tokens of prompt and the longest answer together.

    Raises:
        UsageError: The chat template does not take them.
    """
    kept: list[dict[str, Any]] = []
    left_out = Counter[str]()
    for row in rows:
        columns = COLUMNS[kind](row, speaker)
        if length_of(columns) > longest:
            left_out[PROBLEMS["long"]] += 1
        else:
            kept.append(dict(row) if kind == "prompt" else columns)
    return kept, dict(left_out)


def length_of(columns: Mapping[str, Any]) -> int:
    """Tokens of prompt and the longest answer together."""
    if "input_ids" in columns:
        return len(columns["input_ids"])
    return len(columns["prompt_ids"]) + max(len(columns["chosen_ids"]), len(columns["rejected_ids"]))


def tokens_of(columns: Mapping[str, Any]) -> int:
    """Tokens that the model reads for a row in one pass of the training."""
    if "chosen_ids" not in columns:
        return len(columns.get("input_ids", ()))
    return 2 * len(columns["prompt_ids"]) + len(columns["chosen_ids"]) + len(columns["rejected_ids"])


def sft_columns(row: Mapping[str, Any], speaker: Speaker) -> dict[str, Any]:
    """What SFTTrainer reads: tokens, and labels that leave the prompt out."""
    if row.get(WHOLE) is not None:
        ids, labels = speaker.conversation(row[WHOLE])
        return {"input_ids": ids, "labels": labels}
    prompt, completion = speaker.pair(row["prompt"], row["completion"])
    return {"input_ids": [*prompt, *completion], "labels": [*([IGNORED] * len(prompt)), *completion]}


def tokens_columns(row: Mapping[str, Any], speaker: Speaker) -> dict[str, Any]:
    """What SFTTrainer reads of a row of ids: the prompt before them, the end of the reply behind them.

    Raises:
        UsageError: An id is not of this model's vocabulary, or the model has no token that ends a reply.
    """
    prompt, ids, labels = prompt_columns(row, speaker)["input_ids"], list(row["input_ids"]), list(row["labels"])
    largest, end = max(*ids, *labels), speaker.tokenizer.eos_token_id
    if largest >= len(speaker.tokenizer):
        told = f"token id {largest}, of {len(speaker.tokenizer)} in the model's vocabulary"
        raise UsageError(told, hint="rows of token ids are for the model whose tokenizer made them")
    if end is None:
        raise UsageError("the model has no token that ends a reply", hint="give its tokenizer an eos_token")
    last = [] if labels[-1] == end else [end]
    return {"input_ids": [*prompt, *ids, *last], "labels": [*([IGNORED] * len(prompt)), *labels, *last]}


def preference_columns(row: Mapping[str, Any], speaker: Speaker) -> dict[str, Any]:
    """What DPOTrainer reads."""
    prompt, chosen = speaker.pair(row["prompt"], row["chosen"])
    other, rejected = speaker.pair(row["prompt"], row["rejected"])
    if len(other) < len(prompt):  # plain texts whose tokens merge across the end of the prompt
        chosen, prompt = [*prompt[len(other) :], *chosen], other
    elif len(prompt) < len(other):
        rejected = [*other[len(prompt) :], *rejected]
    return {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}


def value_columns(row: Mapping[str, Any], speaker: Speaker) -> dict[str, Any]:
    """What a value head is trained on: the whole text, tokenised as one, and its value."""
    return {"input_ids": speaker.whole(row["prompt"], row["completion"]), "labels": float(row["value"])}


def prompt_columns(row: Mapping[str, Any], speaker: Speaker) -> dict[str, Any]:
    """A prompt's tokens, to be measured."""
    prompt = row["prompt"]
    if isinstance(prompt, str):
        return {"input_ids": speaker.tokenizer(prompt)["input_ids"]}
    return {"input_ids": speaker.encode(speaker.rendered(prompt, opened=True))}


COLUMNS: Mapping[str, Callable[[Mapping[str, Any], Speaker], dict[str, Any]]] = {
    "sft": sft_columns,
    "tokens": tokens_columns,
    "preference": preference_columns,
    "value": value_columns,
    "prompt": prompt_columns,
}
"""Kind of a row -> what its trainer reads of it."""
