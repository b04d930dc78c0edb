"""The options `kv`, `heavy` and `recent` of a model spec: which keys and values an engine keeps.

    policy = take_policy(given)         # None where the spec has no `kv`

See `dikast.decoding.kv.policies` for what the policies mean.
"""

from __future__ import annotations

from dikast.agents.models.model_options import Options
from dikast.decoding.kv.policies import HEAVY, POLICIES, RECENT, Amount, Bounded, Policy, policy_of, read_amount
from dikast.errors import UsageError

BLOCK = 32
"""Tokens of a block of OpenVINO's cache on a CPU; it lets go of whole blocks."""
ON_OPENVINO = ("full", "h2o", "h2o-normalised")


def take_policy(given: Options) -> Policy | None:
    """Take the options.

    Raises:
        UsageError: There is no such policy, an amount is none, or there are amounts without a policy.
    """
    name = given.text("kv")
    amounts = {called: given.text(called) for called in ("heavy", "recent")}
    if not name:
        for called, text in amounts.items():
            if text:
                raise UsageError(f"{given.scheme}: option {called!r} is for a cache policy", hint="add kv=h2o")
        return None
    if name not in POLICIES:
        raise UsageError(f"{given.scheme}: option 'kv' must be one of {', '.join(POLICIES)}")
    heavy, recent = (_amount(given.scheme, called, text) for called, text in amounts.items())
    if name != "full" and not (HEAVY if heavy is None else heavy) + (RECENT if recent is None else recent):
        raise UsageError(f"{given.scheme}: options 'heavy' and 'recent' are both 0: nothing would be kept")
    return policy_of(name, HEAVY if heavy is None else heavy, RECENT if recent is None else recent)


def _amount(scheme: str, called: str, text: str) -> Amount | None:
    if not text:
        return None
    try:
        amount = read_amount(text)
        policy_of("h2o", amount, 1)
    except (ValueError, UsageError):
        told = "must be a share of the prompt such as .1, at most 1.0, or a whole number of tokens"
        raise UsageError(f"{scheme}: option {called!r} {told}") from None
    return amount


def take_blocks(given: Options) -> tuple[str, int, int] | None:
    """Take the options for OpenVINO GenAI, which lets go of whole blocks, by one setting of an engine.

    Returns:
        Name of the policy, heavy and recent tokens; `None` for the full cache.

    Raises:
        UsageError: As `take_policy`; or the engine has no such policy, or an amount is no number of blocks.
    """
    policy = take_policy(given)
    if policy is None or policy.name == "full":
        return None
    if policy.name not in ON_OPENVINO:
        told = f"option 'kv' must be one of {', '.join(ON_OPENVINO)}; transformers: has the others too"
        raise UsageError(f"{given.scheme}: {told}")
    assert isinstance(policy, Bounded)
    amounts = ((policy.heavy, 2 * BLOCK), (policy.recent, BLOCK))
    if any(not isinstance(amount, int) or amount < least or amount % BLOCK for amount, least in amounts):
        told = f"options 'heavy' (from {2 * BLOCK}) and 'recent' must be numbers of tokens, multiples of {BLOCK}"
        raise UsageError(f"{given.scheme}: {told}", hint="kv=h2o&heavy=192&recent=128")
    return policy.name, int(policy.heavy), int(policy.recent)
