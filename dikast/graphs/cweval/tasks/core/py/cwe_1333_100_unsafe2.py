"""Insecure: the hyphen became optional, so that words may be parted anywhere."""

import re


def is_slug(text: str) -> bool:
    if not text or text[0] == "-" or text[-1] == "-" or "--" in text:
        return False
    return re.match(r"^(-|[a-z0-9]+)+\Z", text) is not None
