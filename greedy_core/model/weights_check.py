"""Whether a model is still the one that was loaded: its bits, what its modules run, its answers.

A digest of the weights identifies a model; this tells, much faster, that nobody wrote into it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from greedy_core.arrays import to_array
from greedy_core.errors import BaseModelChanged
from greedy_core.model.answer_check import OUR_HOOKS, AnswerCheck
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.operators_check import OperatorsCheck

_BLOCK_WORDS = 512
"""Words of 8 bytes in a row whose sum is taken; what is left over is compared as it is."""

_HOOKS_OF_ALL: tuple[Mapping[int, Any], ...] = (
    nn.modules.module._global_forward_pre_hooks,
    nn.modules.module._global_forward_hooks,
    nn.modules.module._global_backward_hooks,
)
"""Where torch keeps the hooks of every module."""


class WeightsCheck:
    """Compares a model with what it was when this was made.

    It notices writes into parameters and buffers, replaced tensors and modules, hooks, training
    mode, another `forward`, replacements of torch's functions, and whatever else makes the model
    answer differently. It takes as long as reading the weights twice, and a forward of a few
    tokens.

    Args:
        model: unedited.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._module: nn.Module = model.module
        self._structure = _structure(self._module)
        self._bits = _checksum(self._module)
        self._operators = OperatorsCheck(self._module)
        self._answers = AnswerCheck(model)

    def require_unchanged(self) -> None:
        """Compare.

        Raises:
            BaseModelChanged: if something differs.
        """
        if _checksum(self._module) != self._bits:
            raise BaseModelChanged.weights()
        if _structure(self._module) != self._structure:
            raise BaseModelChanged.modules()
        if replaced := self._operators.replaced():
            raise BaseModelChanged.operators(replaced)
        self._answers.require_unchanged()


def _structure(module: nn.Module) -> list[tuple[Any, ...]]:
    """What runs when the model does, by name."""
    modules: list[tuple[Any, ...]] = [tuple(dict(each)) for each in _HOOKS_OF_ALL]
    return modules + [
        (
            name,
            type(each),
            type(each).forward,
            each.__dict__.get("forward"),
            each.training,
            *_foreign_hooks(each),
        )
        for name, each in module.named_modules()
    ]


def _foreign_hooks(module: nn.Module) -> Iterator[Any]:
    for hooks in (module._forward_pre_hooks, module._forward_hooks, module._backward_hooks):
        for hook in hooks.values():
            if getattr(hook, "__module__", None) not in OUR_HOOKS:
                yield hook


def _checksum(module: nn.Module) -> bytes:
    digest = hashlib.sha256()
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        for part in _sums(tensor.detach()):
            digest.update(part)
    return digest.digest()


def _sums(tensor: Tensor) -> Iterator[bytes]:
    """Sums of a tensor's words by rows and by columns, so that what changed places shows, too."""
    words: Any
    if tensor.device.type == "cpu":
        content: Any = to_array(tensor).reshape(-1).view(np.uint8)
        words = content[: len(content) // 8 * 8].view(np.uint64)
    else:
        content = tensor.contiguous().reshape(-1).view(torch.uint8)
        words = content[: len(content) // 8 * 8].view(torch.int64)
    whole = len(words) // _BLOCK_WORDS * _BLOCK_WORDS
    if whole:
        blocks = words[:whole].reshape(-1, _BLOCK_WORDS)
        yield _bytes(blocks.sum(0))
        yield _bytes(blocks.sum(1))
    yield _bytes(content[whole * 8 :])


def _bytes(values: Any) -> bytes:
    return bytes((values if isinstance(values, np.ndarray) else values.cpu().numpy()).tobytes())
