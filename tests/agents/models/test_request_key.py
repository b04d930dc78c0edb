"""Request keys: stable across time and machines, and different where a reply could differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dikast.agents.models.request import Message, Request, Sampling, Structured
from dikast.agents.models.request_key import request_key

BASE = Request((Message(role="user", content="h\u00e9llo"),), Sampling())
KEY = "144a5602269d068b12671838b948532bc6bb600a63f1001981b116c511b5106b"


def test_key_is_pinned_since_caches_and_recordings_outlive_a_version() -> None:
    assert request_key(BASE) == KEY


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, messages=(Message(role="system", content="h\u00e9llo"),)),
        replace(BASE, messages=(*BASE.messages, *BASE.messages)),
        replace(BASE, n=2),
        replace(BASE, logprobs=0),
        replace(BASE, prefix=(1,)),
        replace(BASE, prefix="a"),
        replace(BASE, tokens=True),
        replace(BASE, completion=(1,)),
        replace(BASE, completion="a"),
        replace(BASE, structured=Structured(choice=("a", "b"))),
        *(
            replace(BASE, sampling=BASE.sampling.model_copy(update={name: value}))
            for name, value in {
                "max_tokens": 3, "temperature": 0.5, "top_p": 0.9, "top_k": 2, "repetition_penalty": 1.1,
                "seed": 0, "stop": ("x",),
            }.items()
        ),
    ],
)  # fmt: skip
def test_whatever_may_change_a_reply_changes_the_key(other: Request) -> None:
    assert request_key(other) != request_key(BASE)


def test_prefix_and_completion_are_told_apart_and_ids_from_text() -> None:
    asked = [{"prefix": (1,)}, {"completion": (1,)}, {"prefix": (1, 2)}, {"prefix": "1"}, {"prefix": "[1]"}]
    more = [{"prefix": (1,), "completion": (2,)}, {"prefix": (2,), "completion": (1,)}]
    keys = {request_key(replace(BASE, **given)) for given in (*asked, *more)}
    assert len(keys) == len(asked) + len(more)


def test_context_changes_the_key_where_it_is_given() -> None:
    keys = {
        request_key(BASE),
        request_key(BASE, {"engine": "a"}),
        request_key(BASE, {"engine": "b"}),
        request_key(BASE, prompt_hash="p"),
        request_key(BASE, sample=0),
        request_key(BASE, sample=1),
    }
    assert len(keys) == 6


def test_every_sampling_field_is_part_of_the_key() -> None:
    assert set(Sampling.model_fields) == {
        "max_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "seed", "stop",
    }  # fmt: skip


def test_order_of_names_in_a_schema_does_not_matter_and_that_of_choices_does() -> None:
    schemas = [{"type": "object", "title": "t"}, {"title": "t", "type": "object"}]
    one, other = (request_key(replace(BASE, structured=Structured(json_schema=schema))) for schema in schemas)
    assert one == other
    choices = [Structured(choice=("a", "b")), Structured(choice=("b", "a"))]
    assert len({request_key(replace(BASE, structured=choice)) for choice in choices}) == 2
