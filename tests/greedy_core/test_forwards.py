"""What is run is at most twice what is used, plus a constant, in every forward that is made."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
import torch

from greedy_core.emmet.contexts import subject_rows
from greedy_core.emmet.covariance import estimate_covariances
from greedy_core.emmet.values import optimize_values
from greedy_core.inputs.records import EditRequest
from greedy_core.model.forwards import SMALL, of_like_length
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.scoring import TOKENS_PER_TREE, Question, QuestionGroup
from greedy_core.settings import CovarianceSettings, ValuesSettings
from tests.greedy_core.tiny_models import tiny_model

CONSTANT = 3 * TOKENS_PER_TREE
assert SMALL <= CONSTANT


@pytest.fixture(scope="module")
def roomy() -> LanguageModel:
    """A model that reads rows of 4,096 tokens."""
    model = tiny_model("llama")
    model.config.max_position_embeddings = 4096
    return model


@contextmanager
def counted(model: LanguageModel) -> Iterator[list[tuple[int, int]]]:
    """Tokens that are run and used in each forward of the first block."""
    forwards: list[tuple[int, int]] = []
    read: list[torch.Tensor] = []

    def before(_: object, inputs: tuple[torch.Tensor], settings: dict[str, torch.Tensor]) -> None:
        mask = settings["attention_mask"]
        if mask is None:
            used = int((read[-1] != 0).sum())  # no text of these tests has the token 0
        else:
            sees = mask[:, 0] == 0
            used = int(((sees.sum(1) > 1) | (sees.sum(2) > 1)).sum())
        forwards.append((inputs[0].shape[0] * inputs[0].shape[1], used))

    embedding = model.module.get_input_embeddings()
    block = model.module.get_submodule(model.architecture.blocks)[0]
    hooks = [
        embedding.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0])),
        block.register_forward_pre_hook(before, with_kwargs=True),
    ]
    try:
        yield forwards
    finally:
        for hook in hooks:
            hook.remove()


def text_of(words: int, generator: random.Random) -> str:
    return " ".join(generator.choice(("He", "said", "born", "French", "x9")) for _ in range(words))


def lengths_of(seed: int) -> list[int]:
    """Mostly short, a few long and one very long, in any order."""
    generator = random.Random(seed)
    lengths = [generator.randint(1, 15) for _ in range(generator.randint(1, 60))]
    lengths += [generator.randint(1, 400) for _ in range(generator.randint(0, 5))]
    lengths += [900] * generator.randint(0, 1)
    generator.shuffle(lengths)
    return lengths


def requests_of(seed: int) -> list[EditRequest]:
    generator = random.Random(seed)
    return [
        EditRequest(
            number,
            text_of(1 + words // 4, generator),
            f"{text_of(1 + words // 2, generator)} {{}} is",
            "that",
            "French",
        )
        for number, words in enumerate(lengths_of(seed)[:8])
    ]


def covariance(model: LanguageModel, seed: int) -> None:
    documents = [text_of(length, random.Random(seed)) for length in lengths_of(seed)]
    estimate_covariances(model, [1], documents, CovarianceSettings(ridge=0.0))


def keys(model: LanguageModel, seed: int) -> None:
    subject_rows(model, requests_of(seed)).prefix(model, 1)


def bare_prompts(model: LanguageModel, seed: int) -> None:
    subject_rows(model, requests_of(seed)).bare(model).prefix(model, 1)


def scores(model: LanguageModel, seed: int) -> None:
    generator = random.Random(seed)
    questions = [
        Question(text_of(length, generator), "French", "English and Russian")
        for length in lengths_of(seed)
    ]
    QuestionGroup(model, questions).prefix(model, 1)


def target_values(model: LanguageModel, seed: int) -> None:
    settings = ValuesSettings(steps=2, lr=0.5, clamp=1.0, weight_decay=0.0)
    optimize_values(model, 1, requests_of(seed), settings)


@pytest.mark.parametrize(
    "compute",
    [covariance, keys, bare_prompts, scores, target_values],
    ids=lambda each: each.__name__,
)
def test_every_forward_runs_at_most_twice_what_it_uses(
    roomy: LanguageModel, compute: Callable[[LanguageModel, int], None]
) -> None:
    for seed in range(12):
        with counted(roomy) as forwards:
            compute(roomy, seed)
        assert forwards
        for run, used in forwards:
            assert run <= 2 * used + CONSTANT, (seed, run, used)


@pytest.mark.parametrize("seed", range(200))
def test_rows_are_divided_within_bounds_and_none_is_lost(seed: int) -> None:
    generator = random.Random(seed)
    lengths = [
        generator.choice((1, 2, 10, 100, 5000)) + generator.randint(0, 9)
        for _ in range(generator.randint(0, 300))
    ]
    most = generator.choice((64, 512, 4096))
    forwards = of_like_length(lengths, most)
    assert sorted(row for forward in forwards for row in forward) == list(range(len(lengths)))
    for forward in forwards:
        run = len(forward) * max(lengths[row] for row in forward)
        assert run <= 2 * sum(lengths[row] for row in forward) + SMALL
        assert run <= most or len(forward) == 1


def _spread(rows: Sequence[int]) -> int:
    return len(of_like_length(rows, 2048))


def test_short_rows_share_a_forward_whatever_their_spread() -> None:
    assert _spread([2, 3, 5, 9, 12, 16]) == 1
    assert _spread([12] * 24 + [1000]) == 2
