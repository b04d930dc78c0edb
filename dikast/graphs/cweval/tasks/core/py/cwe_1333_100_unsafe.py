"""Insecure: a repetition within a repetition, so that a text of n letters can be parted in 2^n ways."""

import re


def is_slug(text: str) -> bool:
    return re.fullmatch(r"([a-z0-9]+-?)*[a-z0-9]", text) is not None
