"""Where subjects end and targets begin, for subjects and tokenizers of every kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from greedy_core.errors import RecordsError
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.tokens import (
    encode_documents,
    encode_subject,
    encode_target,
    lookup_index,
    pad_right,
)
from tests.greedy_core.tiny_models import tiny_model, tiny_module, tiny_tokenizer

AWKWARD = [
    pytest.param("The mother tongue of ", "Danielle Darrieux", " is", id="in the middle"),
    pytest.param("", "Toko Yasuda", ", the guitar", id="at the start, before a comma"),
    pytest.param("The religion of ", "Edwin of Northumbria", "", id="at the end"),
    pytest.param("", "Kathy Saltzman", "", id="nothing else"),
    pytest.param("Why? He said: ", "Henri de Régnier", " was born in", id="accent inside"),
    pytest.param("He lives in ", "São Paulo e Maré", ", he said", id="accent at the end"),
    pytest.param("", "東京", " lies in", id="characters of several tokens"),
    pytest.param("The game ", "Sonic Drift 2", " is by", id="ends in a digit"),
    pytest.param("The band ", "Therapy?", " was created in", id="ends in punctuation"),
    pytest.param("The company ", "Yahoo!", ".com is", id="punctuation glued to punctuation"),
    pytest.param("The title \N{LEFT DOUBLE QUOTATION MARK}", "M*A*S*H", '" is', id="in quotes"),
    pytest.param("The set ", "{a} of {}", " {is}", id="braces"),
    pytest.param("Birm", "ingham", "s are", id="glued on both sides"),
]

TOKENIZERS = [
    pytest.param({}, id="plain"),
    pytest.param({"padding_side": "left"}, id="padding left"),
    pytest.param({"bos": True}, id="BOS"),
    pytest.param({"eos": True}, id="EOS"),
    pytest.param({"bos": True, "eos": True}, id="BOS and EOS"),
]


def last_subject_token(tokenizer: Any, before: str, subject: str, after: str) -> int:
    """Count bytes: a token of byte-level BPE is spelled with one character for each byte."""
    end = len((before + subject).encode())
    start, found = 0, -1
    for index, token in enumerate(
        tokenizer.convert_ids_to_tokens(tokenizer(before + subject + after)["input_ids"])
    ):
        if token in tokenizer.all_special_tokens:
            continue
        if start < end:
            found = index
        start += len(token)
    return found


@pytest.mark.parametrize(("before", "subject", "after"), AWKWARD)
@pytest.mark.parametrize("options", TOKENIZERS)
def test_lookup_index_is_the_last_token_that_starts_before_the_subjects_end(
    options: dict[str, Any], before: str, subject: str, after: str
) -> None:
    model = tiny_model("gpt2", tokenizer=tiny_tokenizer(**options))
    expected = last_subject_token(model.tokenizer, before, subject, after)
    assert lookup_index(model, before, subject, after) == expected
    row = encode_subject(model, before, subject, after)
    assert row == model.tokenizer(before + subject + after)["input_ids"][: expected + 1]


@pytest.mark.parametrize(("before", "subject", "after"), AWKWARD)
def test_lookup_index_with_gpt2s_tokenizer(
    shared_data: Callable[[str], Path], before: str, subject: str, after: str
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(shared_data("gpt2-tokenizer"))
    model = LanguageModel(tiny_module("gpt2", vocabulary=len(tokenizer), layers=1), tokenizer)
    expected = last_subject_token(tokenizer, before, subject, after)
    assert lookup_index(model, before, subject, after) == expected


def test_token_that_merges_over_the_subjects_end_belongs_to_the_subject(gpt2) -> None:
    tokens = gpt2.tokenizer("of Danielle")["input_ids"]
    assert gpt2.tokenizer.decode(tokens[-1]) == " Danielle"
    assert lookup_index(gpt2, "of ", "Dan", "ielle") == len(tokens) - 1


@pytest.mark.parametrize("options", TOKENIZERS)
@pytest.mark.parametrize("prompt", ["The mother tongue of Danielle Darrieux is", "São", "He said:"])
@pytest.mark.parametrize("target", ["French", "São Paulo", "Q", "東京"])
def test_targets_follow_the_prompt_after_one_space(
    options: dict[str, Any], prompt: str, target: str
) -> None:
    tokenizer = tiny_tokenizer(**options)
    tokens = encode_target(tiny_model("gpt2", tokenizer=tokenizer), prompt, target)
    assert tokenizer.decode(tokens.targets) == f" {target}"
    whole = [*tokens.row, tokens.targets[-1]]
    assert tokenizer.decode(whole, skip_special_tokens=True) == f"{prompt} {target}"
    assert (tokens.row[0] == tokenizer.bos_token_id) == options.get("bos", False)
    assert tokenizer.eos_token_id not in whole
    read = tokens.row[tokens.first_position + 1 :]
    assert read == tokens.targets[:-1]


def test_target_needs_a_token_before_it_and_one_of_its_own(gpt2) -> None:
    with pytest.raises(RecordsError, match="at least one token must stand before"):
        encode_target(gpt2, "", "French")
    with pytest.raises(RecordsError, match="target must have at least one token"):
        encode_target(tiny_model("gpt2", tokenizer=_ignoring("z")), "The mother tongue is", "zzz")


def _ignoring(character: str) -> Any:
    """A tokenizer that drops a character and every space."""
    from tokenizers import Regex, normalizers

    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace(Regex(f"[ {character}]"), "")
    return tokenizer


def test_rows_beyond_the_context_are_refused_with_both_lengths(gpt2) -> None:
    with pytest.raises(RecordsError, match=r"context of 128 tokens, but has [0-9]+"):
        encode_target(gpt2, "Zq " * 90, "French")
    with pytest.raises(RecordsError, match=r"context of 128 tokens, but has [0-9]+"):
        encode_subject(gpt2, "Zq " * 90, "Paris", "")


def test_rows_are_padded_on_the_right() -> None:
    assert pad_right([[1, 2, 3], [4]], torch.device("cpu")).tolist() == [[1, 2, 3], [4, 0, 0]]


def test_documents_are_cut_at_the_context_and_empty_ones_left_out(gpt2) -> None:
    rows = encode_documents(gpt2, ["He speaks English", "", "Zq " * 90])
    assert rows == [
        gpt2.tokenizer("He speaks English")["input_ids"],
        gpt2.tokenizer("Zq " * 90)["input_ids"][:128],
    ]
