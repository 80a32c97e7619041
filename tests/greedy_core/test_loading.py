"""From names to models, and from models to weights that several processes share."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants as hub_constants
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from greedy_core.errors import BaseModelChanged, ModelError
from greedy_core.inputs.model_config import check_weights
from greedy_core.model.language_model import weights_digest
from greedy_core.model.loading import attach, check_unchanged, load_model, share
from tests.greedy_core.tiny_models import FAMILIES, tiny_module, tiny_tokenizer

IDS = torch.tensor([[7, 80, 300, 41, 5, 9]])


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param)
    tiny_module(request.param).save_pretrained(path)
    tiny_tokenizer().save_pretrained(path)
    return path


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_attached_model_has_the_logits_of_the_loaded_one_to_the_bit(
    folder: Path, dtype: str
) -> None:
    attached = attach(share(load_model(str(folder), dtype, "cpu")), "cpu")
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    with torch.no_grad():
        assert torch.equal(attached.module(IDS).logits, plain(IDS).logits)
    assert attached.module.dtype == plain.dtype


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_attached_weights_are_the_shared_memory_itself(folder: Path, dtype: str) -> None:
    shared = share(load_model(str(folder), dtype, "cpu"))
    attached = attach(shared, "cpu")
    parameters = dict(attached.module.named_parameters())
    assert set(parameters) == set(shared.arrays)
    for name, array in shared.arrays.items():
        assert parameters[name].data_ptr() == array.ctypes.data


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_read_only_arrays_can_be_attached(folder: Path, dtype: str) -> None:
    shared = share(load_model(str(folder), dtype, "cpu"))
    for array in shared.arrays.values():
        array.flags.writeable = False
    attached = attach(shared, "cpu")
    check_unchanged(attached, shared.digest)
    shared.check_unchanged()
    assert not any(parameter.requires_grad for parameter in attached.module.parameters())


def test_tied_weights_travel_once_and_are_tied_again(tmp_path: Path) -> None:
    tiny_module("gpt2").save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    shared = share(load_model(str(tmp_path), device="cpu"))
    assert "lm_head.weight" not in shared.arrays
    module = attach(shared, "cpu").module
    assert module.lm_head.weight.data_ptr() == module.transformer.wte.weight.data_ptr()


def test_digest_is_the_same_loaded_copied_and_attached(folder: Path, tmp_path: Path) -> None:
    model = load_model(str(folder), device="cpu")
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert load_model(str(tmp_path), device="cpu").digest() == model.digest()
    assert attach(share(model), "cpu").digest() == model.digest()


def test_write_into_the_shared_base_is_caught(folder: Path) -> None:
    shared = share(load_model(str(folder), device="cpu"))
    ours, theirs = attach(shared, "cpu"), attach(shared, "cpu")
    check_unchanged(ours, shared.digest)
    shared.check_unchanged()
    theirs.projection(1).weight[3, 4] += 1e-3  # type: ignore[index, operator]
    with pytest.raises(BaseModelChanged, match="changed in memory"):
        check_unchanged(ours, shared.digest)
    with pytest.raises(BaseModelChanged, match="changed in memory"):
        shared.check_unchanged()


def test_deep_copy_of_an_attached_model_is_private(folder: Path) -> None:
    shared = share(load_model(str(folder), device="cpu"))
    attached = attach(shared, "cpu")
    private = copy.deepcopy(attached)
    private.projection(1).weight[3, 4] += 1  # type: ignore[index, operator]
    assert weights_digest(private.module) != shared.digest
    check_unchanged(attached, shared.digest)


def test_missing_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        load_model(str(tmp_path / "nowhere"))


def test_models_of_other_families_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="one of gpt2, llama"):
        load_model(str(tmp_path))


def test_model_that_lacks_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    lost = next(name for name in weights if "mlp" in name)
    del weights[lost]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="lacks weights"):
        load_model(str(tmp_path), device="cpu")


def test_damaged_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(str(tmp_path), device="cpu")


def test_weights_in_pickles_are_refused(tmp_path: Path) -> None:
    module = tiny_module("gpt2")
    module.config.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    torch.save(module.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="weights must be safetensors"):
        load_model(str(tmp_path), device="cpu")


def test_a_folder_with_an_adapter_beside_the_model_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "elsewhere"}')
    with pytest.raises(ModelError, match=r"is an adapter: merge it into its base model first"):
        load_model(str(tmp_path), device="cpu")


def test_a_hub_model_with_an_adapter_is_refused_and_one_without_needs_no_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub_constants, "HF_HUB_OFFLINE", True)
    snapshot = tmp_path / "models--who--model" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0123")
    (snapshot / "model.safetensors").touch()
    check_weights("who/model", {})
    (snapshot / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"who/model.* is an adapter: merge it"):
        check_weights("who/model", {})


@pytest.mark.parametrize("device", ["nonsense", "cuda:99"])
def test_devices_that_are_not_there_are_named(folder: Path, device: str) -> None:
    with pytest.raises(ModelError, match=device):
        load_model(str(folder), device=device)
