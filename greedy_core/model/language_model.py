"""A language model as editing sees it: a stack of blocks that can be run in parts.

Nothing below the lowest edited block changes while facts are written, so whoever scores or
optimizes keeps the residual stream that enters that block and runs only what is above it.

Shapes: n rows, T positions (padded on the right), d width of the residual stream, f width of the
projection's input, v vocabulary. C trees of N tokens, P tokens before them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from greedy_core.model.architectures import Architecture, architecture_of
from greedy_core.model.shared_weights import bits_digest
from greedy_core.model.tree_layout import Tree


@dataclass
class LanguageModel:
    """A Hugging Face causal language model with its tokenizer, run block by block."""

    module: Any
    """The Hugging Face model itself, in evaluation mode, without gradients."""
    tokenizer: Any
    """Its fast tokenizer."""

    def __post_init__(self) -> None:
        self.architecture: Architecture = architecture_of(self.config.model_type)
        part: Callable[[str], nn.Module] = self.module.get_submodule
        names = self.architecture
        self._embedding = cast(nn.Embedding, part(names.embedding))
        self._positions = part(names.positions) if names.positions else None
        self._rotary = part(names.rotary) if names.rotary else None
        self._blocks = cast(nn.ModuleList, part(names.blocks))
        self._norm = part(names.norm)
        self._head = part(names.head)

    @property
    def config(self) -> Any:
        """The model's Hugging Face configuration."""
        return self.module.config

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = next(self.module.parameters()).device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights and of the residual stream."""
        return self._embedding.weight.dtype

    @property
    def layers(self) -> int:
        """Number of decoder blocks."""
        return len(self._blocks)

    @property
    def vocabulary(self) -> int:
        """Token ids that the model reads and predicts: those below this number."""
        return min(len(self._embedding.weight), len(cast(nn.Linear, self._head).weight))

    @property
    def context_length(self) -> int:
        """Longest row that the model reads, in tokens."""
        length: int = self.config.max_position_embeddings
        return length

    def projection(self, layer: int) -> nn.Module:
        """The MLP down projection of a block."""
        return self._blocks[layer].get_submodule(self.architecture.projection)

    def projection_name(self, layer: int) -> str:
        """The projection's name in the Hugging Face model."""
        return f"{self.architecture.blocks}.{layer}.{self.architecture.projection}"

    def projection_weight(self, layer: int) -> Tensor:
        """The projection's weight as ``(d, f)``, whichever way the model stores it."""
        weight = cast(Tensor, self.projection(layer).weight)
        return weight.T if self.architecture.fan_in_fan_out else weight

    def embed(self, ids: Tensor, tree: Tree | None = None) -> Tensor:
        """Residual stream before the first block, ``(n, T, d)``, for token ids ``(n, T)``."""
        hidden: Tensor = self._embedding(ids)
        if self._positions is not None:
            hidden = hidden + self._positions(self._position_ids(hidden, tree))
        return hidden

    def run(self, hidden: Tensor, start: int, stop: int, tree: Tree | None = None) -> Tensor:
        """Run blocks ``start .. stop - 1`` on a residual stream ``(n, T, d)``.

        Rows are padded on the right and attention is causal, so no position that is read ever
        sees padding, and no mask is needed. Trees are rows of their tokens, ``(C, N, d)``.
        """
        settings = self._attention_settings(hidden, tree)
        for block in self._blocks[start:stop]:
            hidden = block(hidden, **settings)
        return hidden

    def run_to_projection(
        self, hidden: Tensor, layer: int, tree: Tree | None = None
    ) -> tuple[Tensor, Tensor]:
        """Run one block up to its projection, the first place where an edit of it acts.

        Returns:
            The residual stream after its attention, ``(n, T, d)``, and the projection's input,
            ``(n, T, f)``.
        """
        residual = hidden + self._attention(hidden, layer, tree)
        with self.captured_keys([layer]) as keys:
            self._mlp(residual, layer)
        return residual, keys[layer]

    def run_from_projection(self, residual: Tensor, keys: Tensor, layer: int) -> Tensor:
        """What the block puts out, ``(n, T, d)``, from where `run_to_projection` has stopped."""
        projected: Tensor = self.projection(layer)(keys)
        return residual + projected

    def run_to_end(
        self, hidden: Tensor, start: int, rows: Tensor, positions: Tensor, tree: Tree | None = None
    ) -> Tensor:
        """The last block's output at m places, ``(m, d)``, from what enters block `start`.

        Nothing else of the last block's output is used, so its MLP runs only there.
        """
        last = self.layers - 1
        if start > last:
            return hidden[rows, positions]
        hidden = self.run(hidden, start, last, tree)
        read = (hidden + self._attention(hidden, last, tree))[rows, positions]
        return read + self._mlp(read, last)

    def log_probabilities(self, hidden: Tensor) -> Tensor:
        """Log-probabilities ``(..., v)`` in float32 from the last block's output ``(..., d)``."""
        logits: Tensor = self._head(self._norm(hidden)).float()
        # log_softmax adds up a vocabulary of 50,000 less exactly: errors of 1e-4 on the CPU.
        return logits - logits.logsumexp(dim=-1, keepdim=True)

    @contextmanager
    def captured_keys(self, layers: Sequence[int]) -> Iterator[dict[int, Tensor]]:
        """Collect the projections' inputs ``(n, T, f)`` of whatever runs inside.

        with model.captured_keys([3]) as keys:
            model.run(hidden, 0, 4)
        keys[3]
        """
        keys: dict[int, Tensor] = {}

        def keep(layer: int) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
            return lambda module, inputs: keys.update({layer: inputs[0]})

        hooks = [self.projection(i).register_forward_pre_hook(keep(i)) for i in layers]
        try:
            yield keys
        finally:
            for hook in hooks:
                hook.remove()

    def keys(self, hidden: Iterable[Tensor], start: int, layer: int) -> Iterator[Tensor]:
        """A projection's inputs ``(n, T, f)``, for each residual stream entering block `start`."""
        for each in hidden:
            with self.captured_keys([layer]) as keys:
                self.run(each, start, layer + 1)
            yield keys[layer]

    def digest(self) -> str:
        """Digest of weights, their type, configuration and tokenizer: a model's part of a key.

        Where the model was loaded from, and how its tokenizer pads and truncates, do not matter.
        """
        config = self.config.to_dict()
        tokenizer = json.loads(self.tokenizer.backend_tokenizer.to_str())
        for owner, names in (
            (config, ("_name_or_path",)),
            (tokenizer, ("padding", "truncation")),
        ):
            for name in names:
                owner.pop(name, None)
        parts = [config, tokenizer, weights_digest(self.module)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _attention(self, hidden: Tensor, layer: int, tree: Tree | None) -> Tensor:
        block = self._blocks[layer]
        names = self.architecture
        norm, attention = map(block.get_submodule, (names.attention_norm, names.attention))
        attended: Tensor = attention(norm(hidden), **self._attention_settings(hidden, tree))[0]
        return attended

    def _mlp(self, hidden: Tensor, layer: int) -> Tensor:
        block = self._blocks[layer]
        names = self.architecture
        norm, mlp = map(block.get_submodule, (names.mlp_norm, names.mlp))
        moved: Tensor = mlp(norm(hidden))
        return moved

    def _attention_settings(self, hidden: Tensor, tree: Tree | None) -> dict[str, Any]:
        position_ids = self._position_ids(hidden, tree)
        settings: dict[str, Any] = {
            "attention_mask": None if tree is None else tree.mask,
            "past_key_values": None if tree is None else tree.before,
            "position_ids": position_ids,
        }
        if self._rotary is not None:
            settings["position_embeddings"] = self._rotary(hidden, position_ids=position_ids)
        return settings

    def _position_ids(self, hidden: Tensor, tree: Tree | None) -> Tensor:
        if tree is not None:
            return tree.positions
        return torch.arange(hidden.shape[1], device=hidden.device).unsqueeze(0)


def weights_digest(module: nn.Module) -> str:
    """Digest of all parameters: names, types, shapes and every bit."""
    named = sorted(module.named_parameters())
    return bits_digest(
        (name, str(each.dtype), (*each.shape,), _memory(each)) for name, each in named
    )


def _memory(tensor: Tensor) -> memoryview:
    bits: memoryview = tensor.detach().cpu().contiguous().view(torch.uint8).numpy().data
    return bits
