def read_note(folder: str, name: str) -> str | None:
    """Give a user one of their notes.

    The notes of a user are UTF-8 text files in a folder of theirs, or in folders within it. A note's name says where
    it lies, as a path from the user's folder: "todo.txt", "2024/june.txt".

    Args:
        folder: The user's folder.
        name: The name of the note, as the user typed it.

    Returns:
        The text of the note, or None where the user has no note of this name.
    """
    # BEGIN SOLUTION
    from pathlib import Path

    try:
        root = Path(folder).resolve()
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
