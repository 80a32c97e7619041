"""From a model's name to a `LanguageModel`, and from there to arrays that processes share."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from greedy_core.arrays import to_array, to_tensor
from greedy_core.errors import BaseModelChanged, ModelError
from greedy_core.inputs.model_config import (
    check_tokenizer_files,
    check_weights,
    layers_of,
    model_folder,
    read_model_config,
)
from greedy_core.model.architectures import architecture_of
from greedy_core.model.language_model import LanguageModel, weights_digest
from greedy_core.model.shared_weights import SharedWeights, description_of
from greedy_core.model.vocabulary import check_vocabulary


def load_model(model: str, dtype: str = "float32", device: str = "auto") -> LanguageModel:
    """Load factworld, a folder, or a model from the Hugging Face hub; safetensors only.

    Raises:
        ModelError: if it is missing, broken, of a family that is not supported, or has no
            tokenizer of its own.
    """
    config = read_model_config(model)
    architecture_of(str(config.get("model_type")))
    layers_of(config)
    check_weights(model, config)
    check_tokenizer_files(model)
    folder = model_folder(model)
    transformers_logging.disable_progress_bar()
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            attn_implementation="sdpa",
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # transformers raises any kind for a folder that is broken
        raise ModelError(f"model {model!r} cannot be loaded: {_first_line(error)}") from error
    module, report = loaded
    if report["missing_keys"]:
        raise ModelError(f"model {model!r} lacks weights: {sorted(report['missing_keys'])!s:.200}")
    if not tokenizer.is_fast:
        raise ModelError(f"model {model!r} needs a fast tokenizer (a tokenizer.json)")
    _check_finite(module, model)
    loaded_model = _ready(module, tokenizer, device)
    check_vocabulary(tokenizer, loaded_model.vocabulary, model)
    return loaded_model


def resolve_device(device: str) -> torch.device:
    """Turn `auto` into cuda where there is one, else cpu.

    Raises:
        ModelError: if torch does not know the device or it is absent.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"device {device!r} cannot be used: {_first_line(error)}") from error
    return torch.device(device)


def share(model: LanguageModel) -> SharedWeights:
    """Lay a model's weights out as arrays; the arrays of a model on the CPU are not copied.

    Weights that are tied to others travel once; `attach` ties them again.
    """
    dtype = next(model.module.parameters()).dtype
    return SharedWeights(
        description=description_of(model.config, model.tokenizer),
        arrays={name: to_array(weight) for name, weight in model.module.named_parameters()},
        dtype=str(dtype).removeprefix("torch."),
        digest=weights_digest(model.module),
    )


def attach(shared: SharedWeights, device: str = "auto") -> LanguageModel:
    """Build a model whose weights *are* the shared arrays, unless it moves to another device.

    torch ignores numpy's read-only flag: whoever writes into these weights changes them for every
    process on the node. `check_unchanged` finds out; `greedy_core.walk.metric_function` copies.
    """
    transformers_logging.disable_progress_bar()
    config, tokenizer = shared.described()
    dtype = getattr(torch, shared.dtype)
    with torch.device("meta"):
        family = type(AutoModelForCausalLM.from_config(config))
    module = family.from_pretrained(
        None,
        config=config,
        state_dict={name: to_tensor(each, dtype=dtype) for name, each in shared.arrays.items()},
        dtype=dtype,
        attn_implementation="sdpa",
    )
    return _ready(module, tokenizer, device)


def check_unchanged(model: LanguageModel, digest: str) -> None:
    """Compare a model's weights with the digest of those that were shared.

    Raises:
        BaseModelChanged: if a single bit differs.
    """
    if weights_digest(model.module) != digest:
        raise BaseModelChanged.weights()


def _ready(module: torch.nn.Module, tokenizer: Any, device: str) -> LanguageModel:
    module.to(resolve_device(device)).eval().requires_grad_(False)
    return LanguageModel(module, tokenizer)


def _check_finite(module: torch.nn.Module, model: str) -> None:
    """Refuse a NaN: it would come up as an error far from its cause, or as a failed prompt."""
    broken = [name for name, each in module.named_parameters() if not torch.isfinite(each).all()]
    if broken:
        raise ModelError(f"model {model!r}: weights must be finite, but not so {broken!s:.200}")


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
