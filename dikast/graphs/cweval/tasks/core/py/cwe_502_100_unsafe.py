"""Insecure: a pickle names the functions that are called while it is read."""

import pickle


def dump_profile(profile):
    return pickle.dumps(profile)


def load_profile(data):
    try:
        profile = pickle.loads(data)
    except Exception as error:
        raise ValueError("not a profile") from error
    if not isinstance(profile, dict):
        raise ValueError("not a profile")
    return profile
