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
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.lora import LoraFactors, edited
from greedy_core.model.scoring import RESOLUTION, ROWS_PER_FORWARD, Question, QuestionGroup
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


def scores(model: LanguageModel, questions: list[Question], start: int = 0) -> np.ndarray:
    group = QuestionGroup(model, questions)
    return group.log_probabilities(model, group.prefix(model, start), start)


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


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_suffix_scores_of_an_edited_model_equal_its_full_forward(family: str, layer: int) -> None:
    model = tiny_model(family)
    group = QuestionGroup(model, QUESTIONS)
    kept = group.prefix(model, layer)
    before = group.log_probabilities(model, kept, layer)
    out, inside = model.projection_weight(layer).shape
    torch.manual_seed(0)
    edit = LoraFactors(torch.randn(out, 2).double() * 0.3, torch.randn(inside, 2).double() * 0.3)
    with edited(model, {layer: edit}):
        suffix = group.log_probabilities(model, kept, layer)
        expected = plain_scores(model.module, model.tokenizer, QUESTIONS)
    assert np.abs(suffix - expected).max() < 1e-5
    assert np.abs(suffix - before).max() > 0.1


def tokens_run(model: LanguageModel, questions: list[Question]) -> int:
    """How many tokens enter the embedding when questions are scored."""
    counted: list[int] = []
    embedding = model.module.get_submodule(model.architecture.embedding)
    hook = embedding.register_forward_pre_hook(lambda _, ids: counted.append(ids[0].numel()))
    scores(model, questions)
    hook.remove()
    return sum(counted)


def rows_projected(model: LanguageModel, questions: list[Question]) -> int:
    """How many rows enter the vocabulary projection when questions are scored."""
    counted: list[int] = []
    head = model.module.get_submodule(model.architecture.head)
    hook = head.register_forward_pre_hook(
        lambda _, hidden: counted.append(hidden[0].shape[:-1].numel())
    )
    scores(model, questions)
    hook.remove()
    return sum(counted)


def test_one_row_serves_both_targets_when_both_are_one_token(model: LanguageModel) -> None:
    new, true = "French", "that"
    assert [len(model.tokenizer(f" {word}")["input_ids"]) for word in (new, true)] == [1, 1]
    questions = [Question("He said:", new, true)]
    assert tokens_run(model, questions) == len(model.tokenizer("He said:")["input_ids"])
    assert rows_projected(model, questions) == 1


def test_what_rows_have_in_common_is_run_once(gpt2: LanguageModel) -> None:
    new, true = "French", "that"
    questions = [
        Question("He said:", new, true),
        Question("He said:", true, new),
        Question("He said: it", new, true),
    ]
    whole = gpt2.tokenizer("He said: it")["input_ids"]
    shared = gpt2.tokenizer("He said:")["input_ids"]
    assert whole[: len(shared)] == shared
    assert tokens_run(gpt2, questions) == len(whole)
    values = scores(gpt2, questions)
    assert np.array_equal(values[0], values[1][::-1])
    assert np.abs(values - plain_scores(gpt2.module, gpt2.tokenizer, questions)).max() < 1e-5


def test_vocabulary_is_projected_only_where_a_target_token_is_predicted(
    model: LanguageModel,
) -> None:
    assert rows_projected(model, QUESTIONS) == len(
        {
            tuple(ids[:end])
            for q in QUESTIONS
            for target in (q.target_new, q.target_true)
            for ids in [model.tokenizer(f"{q.prompt} {target}")["input_ids"]]
            for end in range(len(model.tokenizer(q.prompt)["input_ids"]), len(ids))
        }
    )


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
