"""Scores against MEMIT's definition, one prompt at a time and one forward for each target."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from greedy_core.errors import NumericalError, RecordsError
from greedy_core.language_model import LanguageModel
from greedy_core.scoring import RESOLUTION, ROWS_PER_FORWARD, Question, QuestionGroup
from tests.greedy_core.tiny_models import FAMILIES, tiny_model, tiny_tokenizer

QUESTIONS = [
    Question("The mother tongue of Danielle Darrieux is", "English", "French"),
    Question("Toko Yasuda, the", "guitar", "piano"),
    Question("He said:", "Minnesota lies in Brazil", "Q"),
    Question("São Paulo lies in", "Brazil", "Zürich"),
    Question("São Paulo lies in", "Brazil", "Russian"),
    Question("Therefore", "it was said again", "it was heard"),
]


def plain_nll(module: Any, tokenizer: Any, prompt: str, target: str) -> float:
    """MEMIT's test_batch_prediction for a tokenizer without EOS, without batching or padding."""
    prompt_length = len(tokenizer(prompt)["input_ids"])
    ids = tokenizer(f"{prompt} {target}")["input_ids"]
    target_ids = ids[prompt_length:]
    with torch.no_grad():
        logits = module(torch.tensor([ids])).logits[0].double()
    total = 0.0
    for j, token in enumerate(target_ids):
        total -= float(logits[prompt_length + j - 1].log_softmax(0)[token])
    return total / len(target_ids)


def plain_scores(module: Any, tokenizer: Any, questions: list[Question]) -> np.ndarray:
    return np.array(
        [
            [-plain_nll(module, tokenizer, q.prompt, t) for t in (q.target_new, q.target_true)]
            for q in questions
        ]
    )


def scored(model: LanguageModel, group: QuestionGroup, start: int = 0) -> np.ndarray:
    with torch.no_grad():
        prefixes = [model.run(model.embed(ids), 0, start) for ids in group.rows()]
    return group.log_probabilities(model, prefixes, start)


def scores(model: LanguageModel, questions: list[Question], start: int = 0) -> np.ndarray:
    return scored(model, QuestionGroup(model, questions), start)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("bos", [False, True])
@pytest.mark.parametrize("start", [0, 2])
def test_scores_equal_the_plain_reference(family: str, bos: bool, start: int) -> None:
    model = tiny_model(family, tokenizer=tiny_tokenizer(bos=bos))
    expected = plain_scores(model.module, model.tokenizer, QUESTIONS)
    assert np.abs(scores(model, QUESTIONS, start) - expected).max() < 1e-5
    # The reference is not trivial: targets differ, and none is certain.
    assert expected.std() > 0.2
    assert expected.max() < -0.1


@pytest.mark.parametrize("family", FAMILIES)
def test_tokenizer_that_adds_eos_scores_the_target_alone(family: str) -> None:
    model = tiny_model(family, tokenizer=tiny_tokenizer(eos=True))
    expected = plain_scores(model.module, tiny_tokenizer(), QUESTIONS)
    assert np.abs(scores(model, QUESTIONS) - expected).max() < 1e-5


def test_padding_side_of_the_tokenizer_changes_no_bit(gpt2: LanguageModel) -> None:
    left = LanguageModel(gpt2.module, tiny_tokenizer(padding_side="left"))
    assert np.array_equal(scores(left, QUESTIONS), scores(gpt2, QUESTIONS))


def test_kept_prefix_changes_no_bit(model: LanguageModel) -> None:
    assert np.array_equal(scores(model, QUESTIONS, 0), scores(model, QUESTIONS, 2))


def test_scores_do_not_depend_on_the_order_of_the_questions(gpt2: LanguageModel) -> None:
    turned = scores(gpt2, QUESTIONS[::-1])[::-1]
    assert np.abs(turned - scores(gpt2, QUESTIONS)).max() <= 2 * RESOLUTION


def test_scores_are_multiples_of_the_resolution(gpt2: LanguageModel) -> None:
    steps = scores(gpt2, QUESTIONS) / RESOLUTION
    assert np.array_equal(steps, np.round(steps))


def test_more_rows_than_one_forward_holds(gpt2: LanguageModel) -> None:
    words = [f"{a}{b}" for a in "abcdefghij" for b in "klmnopqrst"]
    questions = [Question(f"He said: {word}", "French", "English") for word in words]
    assert len(questions) > ROWS_PER_FORWARD
    expected = plain_scores(gpt2.module, gpt2.tokenizer, questions)
    assert np.abs(scores(gpt2, questions) - expected).max() < 1e-5


class CountingModel(LanguageModel):
    """Counts the rows that are embedded."""

    rows = 0

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        self.rows += len(ids)
        return super().embed(ids)


def test_equal_rows_are_run_once(gpt2: LanguageModel) -> None:
    tokenizer = gpt2.tokenizer
    new, true = "French", "that"
    assert [len(tokenizer(f" {word}")["input_ids"]) for word in (new, true)] == [1, 1]
    model = CountingModel(gpt2.module, tokenizer)
    group = QuestionGroup(
        model,
        [
            Question("He said:", new, true),
            Question("He said:", true, new),
            Question("He said:", new, true),
            Question("Therefore", new, true),
        ],
    )
    values = scored(model, group)
    assert model.rows == 2
    assert np.array_equal(values[0], values[1][::-1])
    assert np.array_equal(values[0], values[2])


def test_activations_that_overflow_raise_instead_of_counting_as_failures() -> None:
    model = tiny_model("gpt2")
    model.projection(0).weight.fill_(torch.inf)  # type: ignore[operator]
    with pytest.raises(NumericalError, match="raise mu"):
        scores(model, QUESTIONS)


def test_question_that_does_not_fit_the_model_is_named(gpt2: LanguageModel) -> None:
    with pytest.raises(RecordsError, match="'Zq Zq"):
        QuestionGroup(gpt2, [Question("Zq " * 90, "French", "English")])


def test_counterfact_with_gpt2s_tokenizer(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("counterfact-gpt2")
    records = json.loads(shared_data("counterfact/counterfact_taught_100.json").read_text())[:4]
    questions = [
        Question(
            prompt,
            record["requested_rewrite"]["target_new"]["str"],
            record["requested_rewrite"]["target_true"]["str"],
        )
        for record in records
        for prompt in record["paraphrase_prompts"] + record["neighborhood_prompts"][:3]
    ]
    # Targets of several tokens too.
    questions += [Question("The capital of France is", "Saint Petersburg", "the Big Apple")]
    module = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expected = plain_scores(module, tokenizer, questions)
    assert np.abs(scores(LanguageModel(module, tokenizer), questions) - expected).max() < 2e-5
