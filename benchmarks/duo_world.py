"""The world of `duo.py`: texts that differ in what they need, and small models that are trained on them.

Texts are of two kinds, by their first symbol: in easy ones each symbol is the successor of the one before; in hard ones
it is looked up in a table by the two symbols before it, which the feed-forward modules have to remember. One symbol in
eight is drawn at random, and the text goes on from it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from dikast.decoding.duo import BIG, Duo, Search, every_route
from dikast.graphs.duo.study import Losses

torch: Any = import_module("torch")
transformers: Any = import_module("transformers")

SYMBOLS, LENGTH = 24, 16
EASY, HARD = SYMBOLS, SYMBOLS + 1
WIDTH, WIDE, SMALL = 16, 256, 4
ROWS = 4_096
"""Texts that are trained on."""
RATE, BATCH = 6e-3, 32
BUDGET = 0.5
"""Of the searches, and of the null."""
SLIPS = 0.125
"""Symbols that are drawn at random. Without them there are 600 texts, and all are trained on."""
SECRET = 7
"""Of the table, which is the same for all rows and seeds."""


def texts(rows: int, seed: int) -> Any:
    """Half easy, half hard."""
    random, secret = np.random.default_rng(seed), np.random.default_rng(SECRET)
    # A permutation of the symbol before the last for each last one: all pairs stay as frequent as they begin.
    table = np.stack([secret.permutation(SYMBOLS) for _ in range(SYMBOLS)], axis=1)
    said = np.empty((rows, LENGTH), np.int64)
    hard = random.random(rows) < 0.5
    said[:, 0] = np.where(hard, HARD, EASY)
    said[:, 1:3] = random.integers(SYMBOLS, size=(rows, 2))
    said[:, 2] = np.where(hard, said[:, 2], (said[:, 1] + 1) % SYMBOLS)
    slips, anything = random.random((rows, LENGTH)) < SLIPS, random.integers(SYMBOLS, size=(rows, LENGTH))
    for at in range(3, LENGTH):
        looked_up = table[said[:, at - 2], said[:, at - 1]]
        due = np.where(hard, looked_up, (said[:, at - 1] + 1) % SYMBOLS)
        said[:, at] = np.where(slips[:, at], anything[:, at], due)
    return torch.from_numpy(said)


def apart(rows: int, seed: int, *others: Any) -> Any:
    """Texts that are all different, and that none of the others is."""
    known = {tuple(one) for other in others for one in other.tolist()}
    found: list[list[int]] = []
    for one in texts(20 * rows, seed).tolist():
        if len(found) < rows and tuple(one) not in known:
            known.add(tuple(one))
            found.append(one)
    assert len(found) == rows
    return torch.tensor(found)


def backbone(layers: int, seed: int) -> Any:
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=SYMBOLS + 2,
        hidden_size=WIDTH,
        intermediate_size=WIDE,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=LENGTH,
        initializer_range=0.1,
    )
    return transformers.LlamaForCausalLM(config).eval()


def losses_of(duo: Duo, ids: Any) -> Losses:
    """All routes on some texts."""
    search = Search(duo, ids)
    table = search.table()
    routes = every_route(duo.depth)
    halves = np.stack([table[:, :, ::2].sum(axis=2), table[:, :, 1::2].sum(axis=2)], axis=2)
    costs = np.asarray([search.cost(one) for one in routes.tolist()])
    return Losses(halves, search.tokens, costs, (routes == BIG).sum(axis=1), BUDGET)
