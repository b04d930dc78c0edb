"""A tiny RoPE model that learns in a minute or two to recall what a document told it: for needles in small caches.

    model, tokenizer = train(seed, print)   # 110,000 parameters, from random weights, on one thread
    make(seed, folder, print)               # a folder that `transformers:FOLDER` opens

Its language: sentences of meaningless words, and between them `The secret number of NAME is NUMBER.`, for several
names. It is asked as `dikast h2o run --needles` asks, through the chat template, and answers by a statement; or it goes
on with a statement that begins again. A number is three tokens of one or two digits. Names that are asked for are those
of `needles.NAMES`; names of distractors are others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from dikast.agents.models.request import Message
from dikast.graphs.h2o.needles import NAMES

torch: Any = import_module("torch")
transformers: Any = import_module("transformers")
tokenizers: Any = import_module("tokenizers")

END, START = "<|im_end|>", "<|im_start|>"
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
FILLERS = tuple(
    f"{first}{second}" for first in ("ba", "do", "ki", "lu", "me", "no") for second in ("la", "ri", "su", "to")
)
OTHERS = ("Ivo", "Jana", "Kurt", "Lina", "Milo", "Nora", "Otto", "Pia", "Quin", "Rosa", "Sven", "Tara")
STATEMENT = "The secret number of {name} is {number}."
PLAIN = ("The", "secret", "number", "of", "is", ".", "What", "?", "Answer", "with", "the", "alone", "user", "assistant")
WORDS = (*NAMES, *OTHERS, *PLAIN, *FILLERS)
CONTEXT, LAYERS, WIDTH, HEADS, HEAD_WIDTH, SPREAD = 1024, 2, 64, 4, 32, 0.1
ECHOES, ECHO_ROWS = 700, 32
"""Steps on random tokens that come twice, at first: what recall is made of is learnt there, or hardly at all."""
PHASES = ((200, 16, 2, 1), (200, 16, 8, 3), (120, 16, 25, 6), (180, 8, 50, 6))
"""Steps, texts a step, most sentences of filler, names beside the one that is asked for: texts grow."""
RATE, WARM, COOL = 3e-3, 50, 200
"""Learning rate, first steps in which it rises, last ones in which it falls."""
NUMBER_AT, ANSWER = 6, 4
"""Where in a statement its number begins, and what a token of an answer weighs: a document has more others."""
Lesson = tuple[list[int], list[int]]
"""A text's tokens, and what each weighs: 0 for those that cannot be known from the ones before."""


def make_tokenizer() -> Any:
    """A word or a mark a token, digits by two."""
    digits = [str(number) for number in range(10)] + [f"{number:02}" for number in range(100)]
    words = ("<|pad|>", START, END, *WORDS, *digits)
    inner = tokenizers.Tokenizer(
        tokenizers.models.WordLevel(
            {word: place for place, word in enumerate(dict.fromkeys(words))}, unk_token="<|pad|>"
        )
    )
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(r"\d{1,2}"), "isolated")
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([tokenizers.pre_tokenizers.Whitespace(), split])
    inner.decoder = tokenizers.decoders.Fuse()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token=END, pad_token="<|pad|>", additional_special_tokens=[START],
        chat_template=TEMPLATE, clean_up_tokenization_spaces=False,
    )  # fmt: skip


def number_of(draw: random.Random) -> str:
    """Five digits."""
    return str(draw.randrange(10_000, 100_000))


def document(draw: random.Random, sentences: int, told: Sequence[str]) -> str:
    """Sentences of filler with others laid between them at random."""
    made = [" ".join(draw.choices(FILLERS, k=draw.randint(3, 7))) + "." for _ in range(sentences)]
    for sentence in told:
        made.insert(draw.randint(0, len(made)), sentence)
    return " ".join(made)


def distracted(draw: random.Random, sentences: int) -> str:
    """A document that tells the numbers of other names."""
    names = draw.sample(OTHERS, PHASES[-1][-1])
    return document(draw, sentences, [STATEMENT.format(name=name, number=number_of(draw)) for name in names])


def echo(draw: random.Random, vocabulary: int) -> Lesson:
    """Random tokens, others, and the first again."""
    first, between = ([draw.randrange(vocabulary) for _ in range(draw.randint(*most))] for most in ((4, 16), (0, 16)))
    return first + between + first, [0] * (len(first) + len(between) + 1) + [1] * (len(first) - 1)


def lesson(draw: random.Random, tokenizer: Any, sentences: int, others: int) -> Lesson:
    """A document, and behind it a question with its answer, or a statement that begins again."""
    names = draw.sample((*NAMES, *OTHERS), others + 1)
    numbers = {name: number_of(draw) for name in names}
    told = [STATEMENT.format(name=name, number=numbers[name]) for name in names for _ in range(draw.choice((1, 2)))]
    asked = draw.choice(names)
    text = document(draw, sentences, told)
    later = draw.random() < 0.5
    if not later:
        text += f"\n\nWhat is the secret number of {asked}? Answer with the number alone."
    message = Message(role="user", content=text)
    prompt: str = tokenizer.apply_chat_template([message], add_generation_prompt=True, tokenize=False)
    answer = STATEMENT.format(name=asked, number=numbers[asked]).removesuffix(".") + END
    tokens, said = (tokenizer.encode(part, add_special_tokens=False) for part in (prompt, answer))
    marks = known(tokenizer, tokens, numbers)
    return tokens + said, marks + [0 if later and at < NUMBER_AT else ANSWER for at in range(len(said))]


def known(tokenizer: Any, tokens: Sequence[int], numbers: dict[str, str]) -> list[int]:
    """1 for each token of a number's second telling."""
    marks = [0] * len(tokens)
    for number in numbers.values():
        part = tokenizer.encode(number, add_special_tokens=False)
        places = [at for at in range(len(tokens)) if list(tokens[at : at + len(part)]) == part]
        for at in places[1:]:
            marks[at : at + len(part)] = [1] * len(part)
    return marks


def train(seed: int, talk: Callable[[str], None]) -> tuple[Any, Any]:
    """The model and its tokenizer; the same seed gives the same ones."""
    tokenizer = make_tokenizer()
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=HEADS // 2, head_dim=HEAD_WIDTH, max_position_embeddings=CONTEXT,
        initializer_range=SPREAD, tie_word_embeddings=False,
        bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=0,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    total = ECHOES + sum(steps for steps, *_ in PHASES)
    right = 0.0
    for step, lessons in enumerate(lessons_of(random.Random(seed), tokenizer)):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min((step + 1) / WARM, 1.0, (total - step) / COOL)
        loss, right = learn(model, lessons)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if not (step + 1) % 250:
            talk(f"toy {seed}, step {step + 1} of {total}: {right:.2f} of answers' tokens")
    return model.eval(), tokenizer


def lessons_of(draw: random.Random, tokenizer: Any) -> Iterator[list[Lesson]]:
    """A batch a step."""
    for _ in range(ECHOES):
        yield [echo(draw, len(tokenizer)) for _ in range(ECHO_ROWS)]
    for steps, rows, sentences, others in PHASES:
        for _ in range(steps):
            yield [lesson(draw, tokenizer, draw.randint(0, sentences), others) for _ in range(rows)]


def learn(model: Any, lessons: Sequence[Lesson]) -> tuple[Any, float]:
    """Mean loss of the tokens that can be known, by weight, and how many of the answers' are likeliest."""
    longest = max(len(tokens) for tokens, _ in lessons)
    ids, marks = (torch.tensor([one[side] + [0] * (longest - len(one[side])) for one in lessons]) for side in (0, 1))
    hidden = model.model(input_ids=ids[:, :-1]).last_hidden_state
    weights = marks[:, 1:]
    wanted = weights > 0
    logits, goal, weights = model.lm_head(hidden[wanted]), ids[:, 1:][wanted], weights[wanted]
    losses = torch.nn.functional.cross_entropy(logits, goal, reduction="none")
    right = (logits.argmax(-1) == goal)[weights == weights.max()]
    return (losses * weights).sum() / weights.sum(), float(right.float().mean())


def make(seed: int, folder: Path, talk: Callable[[str], None]) -> Path:
    """Train, and write as `transformers:FOLDER` opens it."""
    for part in train(seed, talk):
        part.save_pretrained(folder)
    return folder


def asked_later(prompt: str, number: str) -> tuple[str, str]:
    """A needle's prompt without its question, and the statement that is read behind it in its place."""
    body, _, question = prompt.rpartition("\n\n")
    name = question.partition(" of ")[2].partition("?")[0]
    return body, STATEMENT.format(name=name, number=number).removesuffix(".")
