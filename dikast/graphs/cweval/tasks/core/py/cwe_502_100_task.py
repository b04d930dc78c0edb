def dump_profile(profile: dict) -> bytes:
    """Turn a visitor's profile into what a web shop keeps in a cookie.

    A profile is a dict with text keys; its values are text, whole numbers, truth values, None, and lists and dicts of
    these. Write load_profile(data: bytes) -> dict as well, which turns what a browser sends back into the profile:
    load_profile(dump_profile(profile)) is equal to the profile, and where the bytes are no profile it raises
    ValueError.

    Args:
        profile: The profile.

    Returns:
        The bytes that stand for it.
    """
    # BEGIN SOLUTION
    import json

    return json.dumps(profile).encode()


def load_profile(data: bytes) -> dict:
    import json

    try:
        profile = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError("not a profile") from error
    if not isinstance(profile, dict):
        raise ValueError("not a profile")
    return profile
