"""A tree of tokens gives every row what the row gives alone."""

from __future__ import annotations

import torch

from greedy_core.language_model import KeyValues, LanguageModel
from greedy_core.token_tree import TokenTree

ROWS = ([7, 80, 300, 41], [7, 80, 5], [7, 80, 300, 12, 13, 14], [200])


def test_common_beginnings_are_one_path() -> None:
    tree = TokenTree()
    paths = [tree.extend([], row) for row in ROWS]
    assert paths == [[0, 1, 2, 3], [0, 1, 4], [0, 1, 2, 5, 6, 7], [8]]
    assert tree.ids == [7, 80, 300, 41, 5, 12, 13, 14, 200]


def test_owners_share_a_beginning_but_not_what_they_add() -> None:
    tree = TokenTree()
    start = tree.extend([], [7, 80])
    assert tree.extend(start, [5], "a") == [0, 1, 2]
    assert tree.extend(start, [5], "b") == [0, 1, 3]
    assert tree.extend(start, [5], "a") == [0, 1, 2]


def test_tokens_see_their_ancestors_and_themselves(model: LanguageModel) -> None:
    tree = TokenTree()
    for row in ROWS:
        tree.extend([], row)
    ids, placed = tree.tensors(model)
    assert ids.tolist() == [tree.ids]
    assert placed.positions.tolist() == [[0, 1, 2, 3, 2, 3, 4, 5, 0]]
    seen = [row.nonzero().flatten().tolist() for row in placed.mask[0, 0] == 0]
    assert seen[3] == [0, 1, 2, 3]
    assert seen[4] == [0, 1, 4]
    assert seen[7] == [0, 1, 2, 5, 6, 7]
    assert seen[8] == [8]


def test_every_row_of_a_tree_equals_the_whole_model(model: LanguageModel) -> None:
    tree = TokenTree()
    paths = [tree.extend([], row) for row in ROWS]
    ids, placed = tree.tensors(model)
    with torch.no_grad():
        hidden = model.run(model.embed(ids, placed), 0, model.layers, placed)
        log_p = model.log_probabilities(hidden[0])
        for row, path in zip(ROWS, paths, strict=True):
            expected = model.module(torch.tensor([row])).logits[0].log_softmax(-1)
            assert (log_p[path] - expected).abs().max() <= 1e-5


def test_later_tokens_read_the_keys_and_values_of_earlier_ones(model: LanguageModel) -> None:
    tree = TokenTree()
    start = tree.extend([], [7, 80, 300])
    path = tree.extend(start, [41, 5])
    earlier, later = torch.tensor(start), torch.tensor(path[len(start) :])
    ids, placed = tree.tensors(model)
    before = KeyValues()
    with torch.no_grad():
        hidden = model.embed(ids, placed)
        model.run(hidden[:, earlier], 0, 3, placed.part(earlier, before))
        before.complete = True
        behind = placed.part(later, before, earlier)
        for _ in range(2):  # reading leaves them as they are
            parts = model.run(hidden[:, later], 0, 3, behind)
        whole = model.run(hidden, 0, 3, placed)
    assert torch.allclose(parts, whole[:, later], atol=1e-5)
