"""A model's configuration, read without loading the model; local ones also without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from greedy_core import factworld
from greedy_core.errors import ModelError


def model_folder(model: str) -> str:
    """What transformers loads for a model's name: the embedded folder, or the name itself."""
    return str(factworld.MODEL_DIR) if model == "factworld" else model


def read_model_config(model: str) -> dict[str, Any]:
    """The content of a model's config.json, from a folder or from the Hugging Face hub.

    Raises:
        ModelError: if it is missing or cannot be read.
    """
    folder = Path(model_folder(model))
    if not folder.is_dir():
        return _from_hub(model)
    try:
        content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"model {model!r}: the folder must have a config.json") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"model {model!r}: config.json cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise ModelError(f"model {model!r}: config.json must hold an object")
    return content


def _from_hub(model: str) -> dict[str, Any]:
    from transformers import AutoConfig  # imports torch, and only the hub needs it

    try:
        config = AutoConfig.from_pretrained(model, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        first_line = str(error).strip().split("\n")[0]
        raise ModelError(f"model {model!r} cannot be loaded: {first_line}") from None
    return config.to_dict()
