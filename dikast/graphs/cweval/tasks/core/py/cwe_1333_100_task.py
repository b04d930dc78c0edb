def is_slug(text: str) -> bool:
    """Tell whether a text can stand in the address of a page.

    It can if it is made of words that are joined by single hyphens, each word being one or more of the letters a to z
    and the digits 0 to 9: "summer-sale-2024".

    Args:
        text: What the author of the page typed.

    Returns:
        Whether it can.
    """
    # BEGIN SOLUTION
    import re

    return re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", text) is not None
