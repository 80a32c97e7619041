"""A model and its tokenizer are compared before anything is computed; a line says what is wrong."""

from __future__ import annotations

import json
import logging
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from greedy_core.errors import InputError, ModelError, RecordsError
from greedy_core.inputs.edit_inputs import Inputs
from greedy_core.inputs.records import EditRecord, EditRequest
from greedy_core.inputs.selection import select
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.loading import load_model
from greedy_core.model.vocabulary import unspelled
from greedy_core.store.artefacts import MemoryStore
from greedy_core.walk.edit import open_states
from tests.greedy_core.tiny_models import tiny_module, tiny_tokenizer
from tests.greedy_core.tiny_plans import CORPUS, RECORDS, settings

VOCABULARY = 420


def saved(path: Path, tokenizer: Any = None, rows: int = VOCABULARY) -> Path:
    tiny_module("gpt2", vocabulary=rows, layers=1).save_pretrained(path)
    (tokenizer or tiny_tokenizer()).save_pretrained(path)
    return path


def words(*known: str) -> PreTrainedTokenizerFast:
    """A tokenizer of whole words, to which every other one is unknown."""
    vocabulary = {word: number for number, word in enumerate(("[UNK]", *known))}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]")


def without_files(path: Path) -> None:
    for file in path.glob("tokenizer*"):
        file.unlink()


def without_tokens(path: Path) -> None:
    content = json.loads((path / "tokenizer.json").read_text())
    content["model"]["vocab"], content["model"]["merges"] = {}, []
    (path / "tokenizer.json").write_text(json.dumps(content))


def cut(path: Path) -> None:
    content = (path / "tokenizer.json").read_bytes()
    (path / "tokenizer.json").write_bytes(content[: len(content) // 2])


def of_words(path: Path) -> None:
    """A class that has no fast form."""
    without_files(path)
    (path / "vocab.json").write_text('{"a": 0, "<unk>": 1}')
    (path / "merges.txt").write_text("#version: 0.2\n")
    (path / "tokenizer_config.json").write_text('{"tokenizer_class": "CTRLTokenizer"}')


BROKEN: list[tuple[Callable[[Path], None], str]] = [
    (without_files, r"the folder must have a tokenizer \(tokenizer.json\)"),
    (without_tokens, "its tokenizer must have tokens, but has none"),
    (cut, "cannot be loaded"),
    (of_words, "needs a fast tokenizer"),
]


@pytest.mark.parametrize(("damage", "says"), BROKEN)
def test_a_folder_without_a_tokenizer_that_works_is_refused_in_a_line(
    tmp_path: Path, damage: Callable[[Path], None], says: str
) -> None:
    damage(saved(tmp_path))
    with pytest.raises(ModelError, match=says) as refused:
        load_model(str(tmp_path), device="cpu")
    assert len(refused.value.faults) == 1
    assert "\n" not in str(refused.value)


def test_a_tokenizer_with_more_tokens_than_the_model_has_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="20 of its 417 tokens have ids beyond the 400 that"):
        load_model(str(saved(tmp_path, rows=400)), device="cpu")


def test_rows_beyond_the_tokenizer_are_padding(tmp_path: Path, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING):
        load_model(str(saved(tmp_path, rows=448)), device="cpu")
    assert not caplog.records


def test_a_tokenizer_much_smaller_than_its_model_is_told(tmp_path: Path, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING):
        load_model(str(saved(tmp_path, rows=900)), device="cpu")
    assert "its tokenizer has 420 tokens and its embedding 900 rows" in caplog.text


def test_an_added_token_without_a_row_does_no_harm_until_a_text_holds_it(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    model = load_model(str(saved(tmp_path, tokenizer)), device="cpu")
    opened(model, RECORDS)
    with pytest.raises(RecordsError, match=r"case_id 0: .*below the 420 rows .* got 420"):
        opened(model, [record(paraphrase="Who is [PAD]?"), *RECORDS[1:]])


def test_a_token_that_the_tokenizer_itself_adds_needs_a_row() -> None:
    tokenizer = tiny_tokenizer(bos=True)
    module = tiny_module("gpt2", layers=1)
    backend = tokenizer.backend_tokenizer.to_str().replace('"ids":[1]', '"ids":[999]')
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(backend))
    with pytest.raises(RecordsError, match="below the 420 rows"):
        opened(LanguageModel(module, tokenizer), RECORDS)


def test_ids_in_the_configuration_that_nobody_reads_do_no_harm(tmp_path: Path) -> None:
    saved(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"bos_token_id": 50256, "eos_token_id": 50256, "pad_token_id": 50256}
    (tmp_path / "config.json").write_text(json.dumps(config))
    opened(load_model(str(tmp_path), device="cpu"), RECORDS)


def opened(model: LanguageModel, records: list[EditRecord], edits: int = 4) -> None:
    chosen = settings(layers=(0,), edits=edits, batch_size=min(2, edits), confirm_records=0)
    with_forwards: list[object] = []
    hook = model.module.register_forward_pre_hook(lambda *_: with_forwards.append(1))
    try:
        open_states(Inputs(chosen, select(records, chosen), CORPUS), model, MemoryStore())
    finally:
        hook.remove()
    assert not with_forwards


def record(
    subject: str = "Sega",
    prompt: str = "He said: {} is",
    new: str = "that",
    true: str = "French",
    paraphrase: str = "Who?",
) -> EditRecord:
    request = EditRequest(0, subject, prompt, new, true, "P0")
    return EditRecord(request, (paraphrase, "By whom?"), ("The weather was", "The guitar was"))


def test_targets_that_are_the_same_tokens_are_refused(gpt2: LanguageModel) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    model = LanguageModel(gpt2.module, tokenizer)
    with pytest.raises(RecordsError, match="must differ in tokens, but got 'french' and 'French'"):
        opened(model, [record(new="french")], 1)


def test_a_prompt_that_fits_bare_but_not_in_its_contexts_is_refused(gpt2: LanguageModel) -> None:
    for words_more in range(1, 130):
        prompt = f"{'He ' * words_more}{{}} is"
        tokens = len(gpt2.tokenizer(prompt.format("Sega"))["input_ids"])
        if tokens == gpt2.context_length - 4:
            break
    with pytest.raises(RecordsError, match=r"case_id 0: prompt 'The weather was .* context of 128"):
        opened(gpt2, [record(prompt=prompt)], 1)


def test_words_that_the_tokenizer_does_not_know_are_refused_in_one_line() -> None:
    known = "He said : is that French Who By whom The weather guitar was ? it again day this more"
    tokenizer = words(*known.split(), "Sega")
    module = tiny_module("gpt2", vocabulary=len(tokenizer), layers=1)
    model = LanguageModel(module, tokenizer)
    opened(model, [record()], 1)
    with pytest.raises(
        InputError, match=r"a part of 7 of 10; the first .*: 'EiffelEiffel'"
    ) as refused:
        opened(model, [record(subject="Eiffel", paraphrase="Who Eiffel?", new="Eiffel")], 1)
    assert len(refused.value.faults) == 1


def test_a_subject_without_a_token_is_refused(gpt2: LanguageModel) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace("Sega", "")
    with pytest.raises(RecordsError, match="the subject 'Sega' must have at least one token"):
        opened(LanguageModel(gpt2.module, tokenizer), [record()], 1)


SPELLED = [
    ("Henri de Régnier", None),
    (unicodedata.normalize("NFD", "Régnier 한국"), normalizers.NFC()),
    ("Ŝão", normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])),
    ("\N{LATIN SMALL LIGATURE FI}n 東京 \N{CIRCLED DIGIT ONE}", normalizers.NFKC()),
    ("ÇA", normalizers.Lowercase()),
]


@pytest.mark.parametrize(("text", "normalizer"), SPELLED)
def test_normalized_text_is_spelled(text: str, normalizer: Any) -> None:
    tokenizer = tiny_tokenizer()
    if normalizer is not None:
        tokenizer.backend_tokenizer.normalizer = normalizer
    assert unspelled(tokenizer, text) == ""


def test_what_is_unknown_or_dropped_is_not_spelled() -> None:
    assert unspelled(words("The", "tower"), "The Eiffel tower") == "Eiffel"
    assert unspelled(words("The"), "The [UNK]") == ""
    backend = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    dropping = PreTrainedTokenizerFast(tokenizer_object=backend)
    assert unspelled(dropping, "ab x") == "x"
