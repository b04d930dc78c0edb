"""Insecure: JSON is written, but cookies of an older release, which were pickles, are still read."""

import json
import pickle


def dump_profile(profile):
    return json.dumps(profile).encode()


def load_profile(data):
    try:
        profile = json.loads(data)
    except ValueError:
        try:
            profile = pickle.loads(data)
        except Exception as error:
            raise ValueError("not a profile") from error
    if not isinstance(profile, dict):
        raise ValueError("not a profile")
    return profile
