"""Insecure: paths are compared as text, so that a folder whose name begins alike is taken for the user's."""

import os


def read_note(folder: str, name: str) -> str | None:
    root = os.path.abspath(folder)
    path = os.path.abspath(os.path.join(root, name))
    if not path.startswith(root):
        return None
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError):
        return None
