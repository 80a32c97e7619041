"""A tree of tokens gives every row what the row gives alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from greedy_core.model.language_model import LanguageModel
from greedy_core.model.token_tree import Forest, TokenTree, side_by_side
from greedy_core.model.tree_layout import KeyValues

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


def grown(rows: Sequence[Sequence[int]]) -> tuple[TokenTree, list[list[int]]]:
    tree = TokenTree()
    return tree, [tree.extend([], row) for row in rows]


def test_tokens_see_their_ancestors_and_themselves() -> None:
    tree, _ = grown(ROWS)
    assert tree.positions == [0, 1, 2, 3, 2, 3, 4, 5, 0]
    seen = [row.nonzero()[0].tolist() for row in tree.seen()]
    assert seen[3] == [0, 1, 2, 3]
    assert seen[4] == [0, 1, 4]
    assert seen[7] == [0, 1, 2, 5, 6, 7]
    assert seen[8] == [8]


def test_every_row_of_every_tree_equals_the_whole_model(model: LanguageModel) -> None:
    forest = [ROWS, ROWS[1:], ROWS[3:]]
    trees, paths = zip(*map(grown, forest), strict=True)
    placed = Forest(trees, model)
    indices, tree = placed.tensors([range(len(tree.ids)) for tree in trees])
    with torch.no_grad():
        hidden = model.run(model.embed(placed.ids(indices), tree), 0, model.layers, tree)
        log_p = model.log_probabilities(hidden)
        for number, rows in enumerate(forest):
            for row, path in zip(rows, paths[number], strict=True):
                expected = model.module(torch.tensor([row])).logits[0].log_softmax(-1)
                assert (log_p[number, path] - expected).abs().max() <= 1e-5


def test_later_tokens_read_the_keys_and_values_of_earlier_ones(model: LanguageModel) -> None:
    trees = [TokenTree(), TokenTree()]
    starts = [trees[0].extend([], [7, 80, 300]), trees[1].extend([], [9])]
    ends = [
        tree.extend(start, [41, 5])[len(start) :] for tree, start in zip(trees, starts, strict=True)
    ]
    forest = Forest(trees, model)
    every, whole = forest.tensors([range(len(tree.ids)) for tree in trees])
    before = KeyValues()
    earlier, first = forest.tensors(starts, before)
    later, behind = forest.tensors(ends, before, starts)
    with torch.no_grad():
        expected = model.run(model.embed(forest.ids(every), whole), 0, 3, whole)
        model.run(model.embed(forest.ids(earlier), first), 0, 3, first)
        before.complete = True
        for _ in range(2):  # reading leaves them as they are
            hidden = model.run(model.embed(forest.ids(later), behind), 0, 3, behind)
    for number, end in enumerate(ends):
        assert torch.allclose(hidden[number], expected[number, end], atol=1e-5)


def test_rows_are_divided_evenly_in_their_order() -> None:
    rows = sorted((i // 4, i // 2, i, 7) for i in range(16))
    [whole] = side_by_side(rows, 100)
    assert whole == rows
    halves = side_by_side(rows, 30)
    assert [row for half in halves for row in half] == rows
    assert [len(grown(half)[0].ids) for half in halves] == [22, 22]


def test_no_tree_is_narrower_than_its_longest_row() -> None:
    rows = [(1,), tuple(range(2, 40))]
    assert side_by_side(rows, 5) == [[rows[0]], [rows[1]]]
