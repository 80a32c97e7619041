"""A model's configuration, read without loading the model; local ones also without torch."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from greedy_core import factworld
from greedy_core.errors import ModelError
from greedy_core.inputs.json_text import parse_json, repeated_keys
from greedy_core.inputs.reading import CONFIG_BYTES, read_text

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_config.json"
"""If it lies beside a model, transformers loads what it names: another base, a pickled adapter."""

TOKENIZER = "tokenizer.json"

_OTHER_TOKENIZERS = ("vocab.json", "tokenizer.model", "tekken.json")
"""What a fast tokenizer can be made from where there is no tokenizer.json."""

MOST_LAYERS = 1000
"""Eight times the deepest published model; without a limit, any number of blocks would be built."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_SHARD = re.compile(r"[A-Za-z0-9][\w.-]{0,250}\.safetensors", re.ASCII)


def model_folder(model: str) -> str:
    """What transformers loads for a model's name: the embedded folder, or the name itself."""
    return str(factworld.MODEL_DIR) if model == "factworld" else model


def model_address(model: str) -> str:
    """The same, but valid from any working directory: a folder is given by its absolute path."""
    folder = model_folder(model)
    return os.path.abspath(folder) if os.path.isdir(folder) else folder


def read_model_config(model: str) -> dict[str, Any]:
    """The content of a model's config.json, from a folder or from the Hugging Face hub.

    Raises:
        ModelError: if it is missing or cannot be read.
    """
    folder = model_folder(model)
    if not os.path.isdir(folder):
        if os.path.exists(folder):  # transformers would open it
            raise ModelError(f"model {model!r:.200}: must be a folder, or a name on the hub")
        return _from_hub(model)
    _require_plain(model, Path(folder))
    if not (Path(folder) / "config.json").exists():
        raise ModelError(f"model {model!r}: the folder must have a config.json")
    return _object(model, Path(folder) / "config.json")


def layers_of(config: Mapping[str, Any]) -> int:
    """The number of layers that a configuration names.

    Raises:
        ModelError: if it names none, or no model_type.
    """
    family = config.get("model_type")
    layers = config.get("n_layer", config.get("num_hidden_layers"))
    if not isinstance(family, str) or type(layers) is not int or not 1 <= layers <= MOST_LAYERS:
        raise ModelError(
            "the model's config.json must name a model_type and its number of layers, from 1 to "
            f"{MOST_LAYERS}, but got (model_type={family!r:.80}, layers={layers!r:.80})"
        )
    return layers


def check_weights(model: str, config: Mapping[str, Any]) -> None:
    """Make sure that all of a model's weights are safetensors and lie in its own folder.

    transformers prefers safetensors, but opens whatever files an index names, pickles too; and with
    PEFT installed it follows an adapter's configuration.

    Raises:
        ModelError: if there are none, the index names other files, or the model is an adapter.
    """
    if "transformers_weights" in config:
        raise ModelError(f"model {model!r}: config.json must not say where the weights are")
    folder = model_folder(model)
    adapter = Path(folder) / ADAPTER if os.path.isdir(folder) else _cached(model, ADAPTER)
    if adapter is not None and adapter.exists():
        raise ModelError(
            f"model {model!r}: must be a whole model, but there is an {ADAPTER}, so it is an "
            "adapter: merge it into its base model first"
        )
    path = Path(folder) / WEIGHTS if os.path.isdir(folder) else _cached(model, WEIGHTS)
    if path is not None and path.is_file():
        return
    path = Path(folder) / INDEX if os.path.isdir(folder) else _cached(model, INDEX)
    if path is None or not path.is_file():
        raise ModelError(f"model {model!r}: its weights must be safetensors ({WEIGHTS} or {INDEX})")
    shards = _object(model, path, most=64 * CONFIG_BYTES).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise ModelError(f"model {model!r}: {INDEX} must have a weight_map")
    for shard in sorted({str(name) for name in shards.values()}):
        if not _SHARD.fullmatch(shard):
            raise ModelError(
                f"model {model!r}: {INDEX} must name .safetensors files beside it, "
                f"but got {shard!r:.80}"
            )


def check_tokenizer_files(model: str) -> None:
    """See to it that a folder has a tokenizer; transformers makes one without tokens otherwise.

    Raises:
        ModelError: if there is none.
    """
    folder = Path(model_folder(model))
    names = (TOKENIZER, *_OTHER_TOKENIZERS)
    if folder.is_dir() and not any((folder / name).is_file() for name in names):
        raise ModelError(f"model {model!r}: the folder must have a tokenizer ({TOKENIZER})")


def _require_plain(model: str, folder: Path) -> None:
    """See to it that no file that transformers may open is a pipe or a device."""
    for path in sorted(folder.iterdir()):
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ModelError(f"model {model!r}: {path.name} must be a file, not a pipe or device")


def _object(model: str, path: Path, most: int = CONFIG_BYTES) -> dict[str, Any]:
    """The JSON object that a file of the model holds."""
    try:
        content = parse_json(read_text(path, most))
    except ValueError as error:
        raise ModelError(f"model {model!r}: {path.name}: {error}") from None
    if not isinstance(content, dict):
        raise ModelError(f"model {model!r}: {path.name} must hold an object")
    if repeated := next(repeated_keys(content), None):
        raise ModelError(f"model {model!r}: {path.name}: {repeated} is set a second time")
    return content


def _from_hub(model: str) -> dict[str, Any]:
    if not _HUB_NAME.fullmatch(model):
        raise ModelError(
            "model must be factworld, a folder, or a name on the Hugging Face hub, "
            f"but got {model!r:.200}, where no folder is"
        )
    from transformers import AutoConfig  # imports torch, and only the hub needs it

    try:
        config = AutoConfig.from_pretrained(model, trust_remote_code=False)
    except Exception as error:  # transformers raises any kind for a broken or missing config.json
        first_line = str(error).strip().split("\n")[0]
        raise ModelError(f"model {model!r} cannot be loaded: {first_line}") from error
    fields: dict[str, Any] = config.to_dict()
    return fields


def _cached(model: str, name: str) -> Path | None:
    """A file of a model on the hub, fetched if it is there."""
    from transformers.utils.hub import cached_file

    try:
        found = cached_file(model, name, _raise_exceptions_for_missing_entries=False)
    except OSError as error:
        first_line = str(error).strip().split("\n")[0]
        raise ModelError(f"model {model!r} cannot be loaded: {first_line}") from error
    return None if found is None else Path(found)
