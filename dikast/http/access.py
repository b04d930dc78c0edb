"""How a server is addressed, and the key that opens it.

    headers, key = authorization("")                  # DIKAST_API_KEY, else OPENAI_API_KEY, else none
    urls = [checked("http://host:8000/v1")]

The key comes from the environment only, and is blotted out of what a server says.
"""

from __future__ import annotations

import os

from yarl import URL

from dikast.errors import UsageError

KEY_VARIABLES = ("DIKAST_API_KEY", "OPENAI_API_KEY")


def authorization(key_env: str) -> tuple[dict[str, str], str]:
    """The authorization header, if there is a key, and the key.

    Args:
        key_env: The environment variable that holds it; the usual ones if empty.

    Raises:
        UsageError: The key's variable is named and not set, or holds what cannot be a key.
    """
    variable = key_variable(key_env)
    key = os.environ.get(variable, "").strip()
    if key_env and not key:
        raise UsageError(f"server: the environment variable {variable}, named by key_env, is not set")
    if not key:
        return {}, ""
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"server: {variable} holds characters that no API key has")
    return {"Authorization": f"Bearer {key}"}, key


def key_variable(key_env: str) -> str:
    """The variable that the key is read from; the one to set where none is set."""
    if key_env:
        return key_env
    return next((name for name in KEY_VARIABLES if os.environ.get(name)), KEY_VARIABLES[0])


def blotted(content: bytes, key: str) -> bytes:
    """A body without the API key, which some servers repeat."""
    return content.replace(key.encode(), b"***") if key else content


def check_address(address: str) -> str:
    """An address that can be asked and shown.

    Raises:
        UsageError: It is no http(s) address, or holds a password.
    """
    url = parse_address(address)
    if url.user or url.password:
        raise UsageError(
            "server: an address must not hold a name or password", hint=f"put a key into {KEY_VARIABLES[0]}"
        )
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"server: {address!r} is no address such as http://host:8000/v1")
    return address


def parse_address(address: str) -> URL:
    """An address as a URL; an empty one where it cannot be read."""
    try:
        return URL(address)
    except ValueError:
        return URL()
