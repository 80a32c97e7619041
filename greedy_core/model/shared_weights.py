"""A model in the form that travels through an object store; looking at it takes no torch."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from greedy_core.errors import BaseModelChanged

Bits = tuple[str, str, tuple[int, ...], Any]
"""Name, torch's name of the type, shape, and memory of a parameter."""


@dataclass(frozen=True)
class SharedWeights:
    """A model as plain arrays, which processes share without a copy each."""

    description: bytes
    """The model's Hugging Face configuration and its tokenizer, pickled: as objects they would
    make every process that maps the arrays import transformers. It is never written to a file."""
    arrays: dict[str, np.ndarray]
    """Weights by name; 16-bit floats that numpy lacks are carried as int16."""
    dtype: str
    """Name of the weights' torch type."""
    digest: str
    """`weights_digest` of the model that they came from."""

    def described(self) -> tuple[Any, Any]:
        """The model's Hugging Face configuration, and its tokenizer."""
        config, tokenizer = pickle.loads(self.description)
        return config, tokenizer

    def check_unchanged(self) -> None:
        """Compare the arrays with their digest; no model is built.

        Raises:
            BaseModelChanged: if a single bit differs.
        """
        named = sorted(self.arrays.items())
        kind = f"torch.{self.dtype}"
        if bits_digest((name, kind, each.shape, each.data) for name, each in named) != self.digest:
            raise BaseModelChanged.weights()


def description_of(config: Any, tokenizer: Any) -> bytes:
    """What `SharedWeights.described` gives back, in another process of the same sweep."""
    return pickle.dumps((config, tokenizer))


def bits_digest(parameters: Iterable[Bits]) -> str:
    """Digest of parameters: names, types, shapes and every bit."""
    digest = hashlib.sha256()
    for name, kind, shape, memory in parameters:
        digest.update(f"{name} {kind} {shape}".encode())
        digest.update(memory)
    return digest.hexdigest()
