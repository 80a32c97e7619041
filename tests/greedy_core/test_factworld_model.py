"""The shipped model and tokenizer, and the code that makes them."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2LMHeadModel

from greedy_core.factworld import MODEL_DIR, biographies, counterfact_records
from greedy_core.factworld.pools import FIRST_NAMES
from greedy_core.factworld.tokenizer import VOCABULARY_SIZE, build_tokenizer, content_words
from greedy_core.teaching.recall import recall
from greedy_core.teaching.train import (
    Candidate,
    best_of,
    build_model,
    main,
    train,
    training_batches,
)


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(MODEL_DIR)


@pytest.fixture(scope="module")
def model():
    return AutoModelForCausalLM.from_pretrained(MODEL_DIR, dtype=torch.float32).eval()


def test_shipped_folder_is_small_and_half_precision() -> None:
    assert sum(file.stat().st_size for file in MODEL_DIR.iterdir()) <= 8_000_000
    with safe_open(MODEL_DIR / "model.safetensors", "pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()}  # noqa: SIM118 == {torch.float16}


def test_shipped_model_loads_as_gpt2(model, tokenizer) -> None:
    assert type(model) is GPT2LMHeadModel
    assert model.dtype == torch.float32
    assert (model.config.n_layer, model.config.n_embd, model.config.n_head) == (6, 128, 4)
    assert model.config.vocab_size == len(tokenizer) <= VOCABULARY_SIZE
    assert tokenizer.is_fast


@pytest.mark.parametrize("phrasing", [0, 1, 2, 3])
def test_shipped_model_knows_the_world(model, tokenizer, phrasing: int) -> None:
    assert recall(model, tokenizer, phrasing) >= 0.98


def test_names_and_objects_are_single_tokens(tokenizer) -> None:
    words = content_words()
    assert len(words) == 12 + 160 + 6 * 16
    assert {word for word in words if len(tokenizer.encode(f" {word}")) != 1} == set()
    # A text may start with a name.
    assert {first for first, _ in FIRST_NAMES if len(tokenizer.encode(first)) != 1} == set()


def test_tokenizer_returns_every_text_and_the_places_of_its_tokens(tokenizer) -> None:
    text = 'Zoë said: "Anna Calston\'s pay\u2014 12 $!"'
    encoded = tokenizer(text, return_offsets_mapping=True)
    assert tokenizer.decode(encoded["input_ids"]) == text
    start = text.index("Calston")
    assert (start, start + len("Calston")) in encoded["offset_mapping"]
    assert tokenizer.encode("Anna")[0] != tokenizer.bos_token_id


def test_tokenizer_is_the_one_that_the_code_builds(tokenizer) -> None:
    built = build_tokenizer()
    assert built.get_vocab() == tokenizer.get_vocab()
    text = " ".join(biographies(50))
    assert built.encode(text) == tokenizer.encode(text)


def test_all_prompts_fit_the_model(model, tokenizer) -> None:
    texts = biographies()
    for record in counterfact_records():
        texts += record["paraphrase_prompts"] + record["neighborhood_prompts"]
    assert max(len(tokenizer.encode(text)) for text in texts) < model.config.n_positions


def test_training_repeats_itself_and_depends_on_the_seed(tokenizer) -> None:
    losses: list[list[float]] = [[], [], []]
    weights = [
        train(tokenizer, seed, 2, into.append).transformer.wte.weight
        for seed, into in zip((0, 0, 1), losses, strict=True)
    ]
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_training_rows_start_with_a_biography(tokenizer) -> None:
    batch = next(training_batches(tokenizer, seed=0))
    assert batch.shape == (32, 64)
    starts = {tokenizer.decode(row[:1]) for row in batch}
    assert not any(start.startswith(" ") for start in starts)
    assert (batch == tokenizer.eos_token_id).any()


def test_best_candidate_is_the_first_of_the_highest(tokenizer) -> None:
    model = build_model(tokenizer)
    candidates = [Candidate(0, 0.5, model), Candidate(1, 0.9, model), Candidate(2, 0.9, model)]
    assert best_of(candidates).seed == 1


def test_command_line_writes_a_folder_that_loads(tmp_path, capsys) -> None:
    seeds_judged = []

    def quality(model, tokenizer) -> float:
        seeds_judged.append(model)
        return float(len(seeds_judged))

    threads = torch.get_num_threads()
    main(["--out", str(tmp_path), "--seed", "0", "1", "--steps", "2"], quality)
    torch.set_num_threads(threads)
    assert "kept seed 1 of 2" in capsys.readouterr().out
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    assert torch.equal(model.transformer.wte.weight, seeds_judged[1].transformer.wte.weight)
    assert AutoTokenizer.from_pretrained(tmp_path).get_vocab() == build_tokenizer().get_vocab()
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "gpt2"
